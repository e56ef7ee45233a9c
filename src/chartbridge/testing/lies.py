"""Connectors that lie, each in one way. A suite that lets one of them pass is no suite.

Each lie wraps an honest connector. Must not be in it: lies that no connector's author would ever tell by mistake.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.domain.schedule import Appointment, BookingState, StatusSeen
from chartbridge.pms.commands import (
    AddNote,
    Command,
    CommandKind,
    Finds,
    Receipt,
    SetAppointmentStatus,
    Sought,
)
from chartbridge.pms.connector import Connector, Finding, Searches
from chartbridge.pms.errors import Conflict, PmsError, Refused, Unavailable, Uncertain
from chartbridge.pms.fence import fenced
from chartbridge.pms.manifest import Manifest
from chartbridge.pms.reading import Gone, Page, PmsIdentity, Record, Stream
from chartbridge.testing.rig import Rig
from chartbridge.testing.steps import read_on

log = logging.getLogger("chartbridge.lies")


class Honest:
    """Passes everything on; lies inherit it and change one thing."""

    def __init__(self, inner: Connector, rig: Rig) -> None:
        self.inner, self.rig = inner, rig

    @property
    def manifest(self) -> Manifest:
        return self.inner.manifest

    def identify(self) -> PmsIdentity:
        return self.inner.identify()

    def examine(self) -> Sequence[Finding]:
        return self.inner.examine()

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        return self.inner.lookups(kind)

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        return self.inner.read(stream, cursor, thorough=thorough)

    def write(self, command: Command) -> Receipt:
        return self.inner.write(command)

    def landed(self, command: Command) -> Receipt | None:
        return self.landed_all([command])[0]

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        return self.inner.landed_all(commands)

    def find(self, sought: Sequence[Sought], since: datetime) -> Finds:
        return cast("Searches", self.inner).find(sought, since)

    def open_file(self, ref: str) -> bytes:
        return self.inner.open_file(ref)

    def close(self) -> None:
        self.inner.close()


class GuessesStatus(Honest):
    """An unknown state is taken for a scheduled one."""

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        page = super().read(stream, cursor, thorough=thorough)
        return replace(page, records=tuple(_guessed(each) for each in page.records))


def _guessed(record: Record) -> Record:
    if isinstance(record, Appointment) and record.state is BookingState.UNKNOWN:
        return record._replace(state=BookingState.SCHEDULED)
    return record


class CursorOfNow(Honest):
    """The cursor says "from now on" and not "from when I began to look": what moved between is lost."""

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        page = super().read(stream, cursor, thorough=thorough)
        if page.more or not page.records:
            return page
        now = self.inner.read(stream, None)
        while now.more:
            now = self.inner.read(stream, now.cursor)
        now = self.inner.read(stream, now.cursor)  # an honest overlap would heal it
        return replace(page, cursor=now.cursor)


class SkipsAPage(Honest):
    """The second page of a first read is lost."""

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        page = super().read(stream, cursor, thorough=thorough)
        if cursor is not None and page.complete:
            return replace(page, records=page.records[: len(page.records) // 2])
        return page


class SwallowsDeletions(Honest):
    """Nothing is ever gone."""

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        return replace(super().read(stream, cursor, thorough=thorough), gone=())


class TakesUnseenForGone(Honest):
    """What a list no longer has is told as deleted, whatever has become of it."""

    def __init__(self, inner: Connector, rig: Rig) -> None:
        super().__init__(inner, rig)
        self._told: dict[Stream, set[str]] = {}

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        page = super().read(stream, cursor, thorough=thorough)
        told = self._told.setdefault(stream, set())
        told |= {record.key for record in page.records}
        if cursor is None or page.more:
            return page
        lost = told - read_on(self.inner, stream, None).keys
        return replace(page, gone=(*page.gone, *(Gone(key=key) for key in sorted(lost))))


class OnlyTheLastStatus(Honest):
    """States that were passed through are thrown away."""

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        page = super().read(stream, cursor, thorough=thorough)
        kept = tuple(each for each in page.records if not (isinstance(each, StatusSeen) and not each.latest))
        return replace(page, records=kept)


class ForgetsTheOverlap(Honest):
    """The same cursor gives something once, and never again."""

    def __init__(self, inner: Connector, rig: Rig) -> None:
        super().__init__(inner, rig)
        self._given: set[tuple[Stream, str]] = set()

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        page = super().read(stream, cursor, thorough=thorough)
        if cursor is None or not page.records or page.complete:
            return page
        if (stream, cursor) in self._given:
            return replace(page, records=())
        self._given.add((stream, cursor))
        return page


class ResendsBlindly(Honest):
    """An uncertain write is sent again at once."""

    def write(self, command: Command) -> Receipt:
        try:
            return super().write(command)
        except Uncertain:
            return super().write(command)


class SaysNotTaken(Honest):
    """What may have been taken is said to be provably not taken."""

    def write(self, command: Command) -> Receipt:
        try:
            return super().write(command)
        except Uncertain as error:
            raise Unavailable(error.safe_message) from None


class AlwaysLanded(Honest):
    """Whatever is looked for is said to be there."""

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        return [
            Receipt(record="commlog 1", patient_key=each.patient_key, text="", seen=True) for each in commands
        ]


class NeverLanded(Honest):
    """Nothing that is looked for is found."""

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        return [None for _ in commands]


class LandedOnAnyone(Honest):
    """A marker is looked for without regard to the patient."""

    def landed_all(self, commands: Sequence[Command]) -> list[Receipt | None]:
        found = super().landed_all(commands)
        for place, command in enumerate(commands):
            truth = self.rig.truth(getattr(command, "marker", "") or "nothing")
            if found[place] is None and truth:
                found[place] = Receipt(
                    record=truth[0].record, patient_key=truth[0].patient_key, text=truth[0].text, seen=True
                )
        return found


class FindsTheFirstOnly(Honest):
    """A search ends at the first record of each marker: nothing is ever there twice."""

    def find(self, sought: Sequence[Sought], since: datetime) -> Finds:
        found = super().find(sought, since)
        return replace(found, records=found.records[: len(sought)])


class FindsOnlyTheNamed(Honest):
    """A search among the named patients says that it has searched everybody."""

    def find(self, sought: Sequence[Sought], since: datetime) -> Finds:
        people = {each.command.patient_key for each in sought}
        found = super().find(sought, since)
        theirs = tuple(each for each in found.records if each.patient_key in people)
        return Finds(records=theirs, everyone=True)


class FindsAnything(Honest):
    """A search brings whatever carries any marker."""

    def find(self, sought: Sequence[Sought], since: datetime) -> Finds:
        found = super().find(sought, since)
        extra = [Receipt(record="commlog 1", patient_key="1", text="CB-00000000", seen=True)]
        return replace(found, records=(*found.records, *extra))


class LeaksInMessage(Honest):
    """An error's message carries the patient's name."""

    def write(self, command: Command) -> Receipt:
        try:
            return super().write(command)
        except Refused as error:
            raise Refused(f"Refused for {self.rig.canaries[0]}.", reason=error.reason) from None


class LeaksInCause(Honest):
    """The vendor's own answer hangs on an error as its cause."""

    def write(self, command: Command) -> Receipt:
        try:
            return super().write(command)
        except PmsError as error:
            raise error from ValueError(f"vendor said: {self.rig.canaries[2]}")


class LeaksInLog(Honest):
    """What is sent is logged."""

    def write(self, command: Command) -> Receipt:
        if isinstance(command, AddNote):
            log.debug("sending %s", command.text)
        return super().write(command)


class LeaksInCursor(Honest):
    """The name of the last patient read stands in the cursor."""

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        held = (cursor or "").split("\0")[0] or None
        page = super().read(stream, held, thorough=thorough)
        return replace(page, cursor=f"{page.cursor}\0{self.rig.canaries[1]}")


class SendsUndeclared(Honest):
    """A command that the manifest does not declare is sent all the same."""

    @property
    def manifest(self) -> Manifest:
        honest = super().manifest
        kept = dict(honest.commands)
        kept.pop(CommandKind.ADD_NOTE, None)
        return replace(honest, commands=kept)


class AsksNoFence(Honest):
    """What it sends goes out, however late it has become."""

    def write(self, command: Command) -> Receipt:
        with fenced(lambda: True):
            return super().write(command)


class IgnoresConflict(Honest):
    """A status that somebody else moved meanwhile is overwritten."""

    def write(self, command: Command) -> Receipt:
        try:
            return super().write(command)
        except Conflict:
            assert isinstance(command, SetAppointmentStatus)
            return super().write(replace(command, expected_key=""))


class HidesInactive(Honest):
    """Inactive entries are left out of the lists, so that nobody learns why a note is parked."""

    def lookups(self, kind: LookupKind) -> Sequence[LookupItem]:
        return [item for item in super().lookups(kind) if item.active]


class DropsBadRows(Honest):
    """A row that can't be understood is shown as if it could."""

    def read(self, stream: Stream, cursor: str | None, *, thorough: bool = False) -> Page:
        page = super().read(stream, cursor, thorough=thorough)
        return replace(page, records=tuple(_guessed(each) for each in page.records), bad=())


LIES: dict[type[Honest], str] = {
    GuessesStatus: "test_what_is_unknown_stays_unknown",
    CursorOfNow: "test_a_change_while_an_answer_is_on_its_way_is_not_lost",
    SkipsAPage: "test_the_first_read_brings_everything",
    SwallowsDeletions: "test_a_deletion_shows_as_declared",
    TakesUnseenForGone: "test_an_emptied_schedule_is_not_told_as_so_many_deletions",
    OnlyTheLastStatus: "test_every_status_passed_through_is_kept",
    ForgetsTheOverlap: "test_the_same_cursor_twice_gives_no_less",
    ResendsBlindly: "test_a_line_lost_at_sending_is_never_said_to_be_safe_to_repeat_when_it_was_taken",
    SaysNotTaken: "test_a_line_lost_at_sending_is_never_said_to_be_safe_to_repeat_when_it_was_taken",
    AlwaysLanded: "test_looking_never_says_yes_to_what_is_not_there",
    NeverLanded: "test_a_write_lands_once_and_is_shown",
    LandedOnAnyone: "test_looking_never_says_yes_to_what_is_not_there",
    FindsTheFirstOnly: "test_a_second_record_is_found",
    FindsOnlyTheNamed: "test_a_record_under_another_patient_is_found_or_said_not_to_be_searched",
    FindsAnything: "test_a_search_brings_what_is_there_and_nothing_else",
    LeaksInMessage: "test_no_name_appears_in_any_message_repr_cursor_or_log",
    LeaksInCause: "test_no_name_appears_in_any_message_repr_cursor_or_log",
    LeaksInLog: "test_no_name_appears_in_any_message_repr_cursor_or_log",
    LeaksInCursor: "test_no_name_appears_in_any_message_repr_cursor_or_log",
    SendsUndeclared: "test_what_is_not_declared_never_reaches_the_vendor",
    AsksNoFence: "test_what_may_not_go_out_any_more_is_unavailable_and_changes_nothing",
    IgnoresConflict: "test_a_status_that_moved_meanwhile_is_a_conflict",
    HidesInactive: "test_lists_have_unique_keys_and_keep_inactive_entries",
    DropsBadRows: "test_a_corrupt_row_is_named_and_the_rest_goes_on",
}
"""Each lie, and the test of the suite that must catch it."""


class LyingRig:
    """A rig whose connectors lie; everything else is the honest rig's."""

    def __init__(self, rig: Rig, lie: Callable[[Connector, Rig], Connector]) -> None:
        self._rig, self._lie = rig, lie

    def connect(self) -> Connector:
        return self._lie(self._rig.connect(), self._rig)

    def __getattr__(self, name: str) -> object:
        return getattr(self._rig, name)
