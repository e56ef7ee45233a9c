"""Steps that the suite's tests share: reading until quiet, gathering what was said.

Must not be in it: assertions about a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from chartbridge.domain.people import PatientStatus
from chartbridge.domain.schedule import StatusSeen
from chartbridge.pms.connector import Connector
from chartbridge.pms.reading import BadRow, Page, Record, Stream

MANY = 2000


@dataclass(slots=True)
class Heard:
    """All that some pages said, in order."""

    pages: list[Page] = field(default_factory=list)

    @property
    def cursor(self) -> str:
        """Where the next reading goes on."""
        return self.pages[-1].cursor

    @property
    def records(self) -> list[Record]:
        """Every record, in order."""
        return [record for page in self.pages for record in page.records]

    @property
    def keys(self) -> set[str]:
        """Keys of all records."""
        return {record.key for record in self.records}

    @property
    def gone(self) -> set[str]:
        """Keys of all that is proved gone."""
        return {each.key for page in self.pages for each in page.gone}

    @property
    def bad(self) -> list[BadRow]:
        """Rows that could not be understood."""
        return [each for page in self.pages for each in page.bad]

    def latest(self) -> dict[str, Record]:
        """The last record of each key that is not gone; sightings of former states don't count."""
        held: dict[str, Record] = {}
        for page in self.pages:
            for record in page.records:
                if not (isinstance(record, StatusSeen) and not record.latest):
                    held[record.key] = record
            for each in page.gone:
                held.pop(each.key, None)
        return held


def read_on(
    connector: Connector | Callable[[], Connector],
    stream: Stream,
    cursor: str | None,
    *,
    thorough: bool = False,
) -> Heard:
    """Read until there is no more; a callable gives a fresh connector for every page, as after a crash."""
    heard = Heard()
    for page in pages(connector, stream, cursor, thorough=thorough):
        heard.pages.append(page)
    return heard


def pages(
    connector: Connector | Callable[[], Connector],
    stream: Stream,
    cursor: str | None,
    *,
    thorough: bool = False,
) -> Iterator[Page]:
    """Page by page until there is no more."""
    for _ in range(MANY):
        using = connector() if callable(connector) else connector
        page = using.read(stream, cursor, thorough=thorough)
        yield page
        if callable(connector):
            using.close()
        if not page.more:
            return
        cursor = page.cursor
    raise AssertionError(f"{stream} says for ever that there is more")


def living(held: dict[str, Record]) -> set[str]:
    """Keys of what is there: a patient who is read as deleted isn't."""
    return {key for key, each in held.items() if getattr(each, "status", "") is not PatientStatus.DELETED}


def leaks(texts: Iterable[str], canaries: Iterable[str]) -> list[str]:
    """Which canaries stand in some texts; the texts themselves are not shown."""
    joined = "\n".join(texts).casefold()
    return [each for each in canaries if each.casefold() in joined]
