"""Trying every ability without changing anything, and saying in words what works. Must not be in it: raising."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from chartbridge.connectors.by_odbc.database import Database
from chartbridge.connectors.by_odbc.papers import Papers
from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.pms.connector import Finding
from chartbridge.pms.errors import PmsError


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """What is tried of a vendor. `abilities`: what a version that lacks something can't do, in words; `how_to_write`:
    what to do so that it may be written; `touch`: a statement that changes nothing and needs the right to write, and
    its arguments."""

    abilities: Mapping[str, str]
    lookups: Callable[[LookupKind], list[LookupItem]]
    off: str
    how_to_write: str
    touch: Callable[[], tuple[str, list[object]] | None]


class _NothingIsKept(Exception):
    """Ends a transaction that must leave nothing."""


def examine(database: Database, papers: Papers, examined: Examined) -> list[Finding]:
    """All findings."""
    try:
        missing = database.missing()
        version = database.version()
    except PmsError as error:
        return [_failed("connection", error)]
    answers = f"{database.name} {version or 'of an unknown version'} answers: its database can be read."
    found = [Finding(ability="connection", ok=True, sentence=answers)]
    for kind in (LookupKind.PROVIDERS, LookupKind.APPOINTMENT_STATUSES, LookupKind.OPERATORIES):
        found += _tried("lookups", lambda kind=kind: examined.lookups(kind))  # type: ignore[misc]
    found += [
        Finding(
            ability=ability,
            ok=False,
            sentence=f"{examined.abilities[ability]}: no, this version lacks {why}.",
        )
        for ability, why in missing.items()
    ]
    found.append(_writing(database, examined))
    found += _tried("add_document", papers.check)
    return found


def _writing(database: Database, examined: Examined) -> Finding:
    """Whether a write is let through: a row is set to what it holds, if there is one, and that is rolled back."""
    if not database.may_write:
        return Finding(ability="add_note", ok=None, sentence=examined.off, fix=examined.how_to_write)
    try:
        database.check("add_note")
        if (touch := examined.touch()) is not None:
            with database.writing() as step:
                step.run(database.text_of(touch[0]), touch[1])
                raise _NothingIsKept
    except _NothingIsKept:
        pass
    except PmsError as error:
        return _failed("add_note", error)
    return Finding(
        ability="add_note",
        ok=True,
        sentence=f"{database.name} lets this connection write. Nothing was changed.",
    )


def _tried(ability: str, act: Callable[[], object]) -> Iterator[Finding]:
    try:
        act()
    except PmsError as error:
        yield _failed(ability, error)


def _failed(ability: str, error: PmsError) -> Finding:
    return Finding(ability=ability, ok=False, sentence=error.safe_message)
