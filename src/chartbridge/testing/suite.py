"""The contract suite. A connector's test file gives a `rig` fixture and inherits this class.

    class TestMyPms(ConnectorContract):
        @pytest.fixture
        def rig(self): ...

What a connector does not declare is not asked of it. Must not be in it: a word about any one PMS.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

from chartbridge.domain.charts import LookupKind, Photo
from chartbridge.domain.schedule import Appointment, BookingState, StatusSeen
from chartbridge.pms.commands import Command, CommandKind, SetAppointmentStatus
from chartbridge.pms.connector import Connector, Settings
from chartbridge.pms.errors import (
    Conflict,
    PmsError,
    Refused,
    Unauthorised,
    Unavailable,
    Uncertain,
)
from chartbridge.pms.manifest import Changes, Deletions
from chartbridge.pms.reading import Stream
from chartbridge.testing.rig import Rig
from chartbridge.testing.steps import leaks, living, pages, read_on

MARKER = "CB-7K2QM9XD"
OTHER_MARKER = "CB-0000000Z"
RECORDS = (
    Stream.PATIENTS,
    Stream.APPOINTMENTS,
    Stream.APPOINTMENT_STATUS,
    Stream.PHOTOS,
    Stream.DOCUMENTS,
)
MARKED = (CommandKind.ADD_NOTE, CommandKind.ADD_DOCUMENT, CommandKind.MARK_INSURANCE_VERIFIED)
HARD_TEXT = 'O\'Brien\nsaid: 李 will come — <b>not</b> "today" \\ 100 % \t(1/1)'


class ConnectorContract:
    """Every test that a connector must pass."""

    @pytest.fixture
    def connector(self, rig: Rig) -> Iterator[Connector]:
        made = rig.connect()
        yield made
        made.close()

    # -- what is claimed ------------------------------------------------------------------------------------

    def test_the_manifest_claims_nothing_impossible(self, connector: Connector) -> None:
        manifest = connector.manifest
        assert manifest.id
        assert manifest.provider_help
        assert manifest.proof.run_against or manifest.proof.not_run_against
        for claim in manifest.streams.values():
            assert 0 < claim.least_interval <= claim.default_interval, claim.stream
        for command in manifest.commands.values():
            assert command.settle_after >= command.visible_after, command.kind
            assert command.parallel >= 1, command.kind
        for setting in manifest.settings:
            assert setting.label, setting.name
            assert setting.default in {"", *(c.value for c in setting.choices)} or not setting.choices

    def test_it_says_who_it_is_and_what_time_it_is_there(self, rig: Rig, connector: Connector) -> None:
        who = connector.identify()
        assert who.vendor
        assert who.version
        assert who.server_now.tzinfo is not None
        assert abs(who.server_now - rig.clock.now()) < timedelta(minutes=2)
        assert who.busy == ""

    def test_lists_have_unique_keys_and_keep_inactive_entries(self, rig: Rig, connector: Connector) -> None:
        for kind in connector.manifest.lookups:
            items = connector.lookups(kind)
            assert len({item.key for item in items}) == len(items)
            assert all(item.kind is kind and item.key for item in items)
            assert items or kind not in rig.lookups_expected()
        hidden = rig.hide_provider()
        held = {item.key: item.active for item in connector.lookups(LookupKind.PROVIDERS)}
        assert held[hidden] is False
        assert any(held.values())

    # -- reading --------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("stream", RECORDS)
    def test_the_first_read_brings_everything(self, rig: Rig, connector: Connector, stream: Stream) -> None:
        _declared(connector, stream)
        heard = read_on(connector, stream, None)
        assert set(heard.latest()) == rig.present(stream)
        assert heard.pages[-1].complete is rig.sees_all(stream)
        assert not any(page.complete for page in heard.pages[:-1])
        assert heard.bad == []

    def test_today_comes_first(self, rig: Rig, connector: Connector) -> None:
        first = connector.read(Stream.APPOINTMENTS, None)
        days = {r.starts_local.date() for r in first.records if isinstance(r, Appointment)}
        assert len(days) == 1
        assert {r.key for r in first.records} == rig.present(Stream.APPOINTMENT_STATUS)

    @pytest.mark.parametrize("stream", RECORDS)
    def test_a_crash_after_any_page_loses_nothing(
        self, rig: Rig, connector: Connector, stream: Stream
    ) -> None:
        _declared(connector, stream)
        assert set(read_on(rig.connect, stream, None).latest()) == rig.present(stream)

    @pytest.mark.parametrize("stream", RECORDS)
    def test_the_same_cursor_twice_gives_no_less(
        self, rig: Rig, connector: Connector, stream: Stream
    ) -> None:
        _declared(connector, stream)
        cursors = [None, *(page.cursor for page in pages(connector, stream, None))]
        rig.set_status(rig.book(), rig.statuses()[1])
        rig.edit_patient(rig.patient_of_today())
        rig.add_picture(rig.patient_of_today())
        for cursor in (*cursors[:2], cursors[-1]):
            first = read_on(connector, stream, cursor)
            again = read_on(connector, stream, cursor)
            restarted = read_on(rig.connect, stream, cursor)
            assert first.keys <= again.keys
            assert first.keys <= restarted.keys

    @pytest.mark.parametrize("stream", RECORDS)
    def test_a_quiet_practice_has_nothing_to_say(self, connector: Connector, stream: Stream) -> None:
        """Nothing, or the same again: a reader may repeat itself, it may not say what isn't so."""
        _declared(connector, stream)
        first = read_on(connector, stream, None)
        later = read_on(connector, stream, first.cursor)
        later = read_on(connector, stream, later.cursor)
        assert later.gone == set()
        assert later.bad == []
        held = first.latest()
        assert all(held[key] == record for key, record in later.latest().items())

    def test_a_new_visit_and_a_moved_one_are_found(self, rig: Rig, connector: Connector) -> None:
        cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
        key = rig.book()
        heard = read_on(connector, Stream.APPOINTMENTS, cursor)
        assert key in heard.latest()
        was = heard.latest()[key]
        rig.move(key)
        now = read_on(connector, Stream.APPOINTMENTS, heard.cursor).latest()[key]
        assert isinstance(was, Appointment)
        assert isinstance(now, Appointment)
        assert now.starts_local != was.starts_local

    def test_an_edited_and_a_new_patient_are_found(self, rig: Rig, connector: Connector) -> None:
        cursor = read_on(connector, Stream.PATIENTS, None).cursor
        edited, added = rig.patient_of_today(), rig.add_patient()
        email = rig.edit_patient(edited)
        found = read_on(connector, Stream.PATIENTS, cursor).latest()
        assert {edited, added} <= set(found)
        assert getattr(found[edited], "email", "") == email

    def test_a_new_picture_is_found_and_opens(self, rig: Rig, connector: Connector) -> None:
        _declared(connector, Stream.PHOTOS)
        patient = rig.patient_of_today()
        rig.add_picture(patient)
        heard = read_on(connector, Stream.PHOTOS, None)
        was = next(r for r in heard.records if isinstance(r, Photo) and r.patient_key == patient)
        rig.add_picture(patient)
        now = next(
            r
            for r in read_on(connector, Stream.PHOTOS, heard.cursor).records
            if isinstance(r, Photo) and r.patient_key == patient
        )
        assert now.version != was.version
        if connector.manifest.opens_files:
            assert len(connector.open_file(now.ref)) > 50
            assert connector.open_file(now.ref)[:4] == b"\x89PNG"

    def test_a_new_document_is_found(self, rig: Rig, connector: Connector) -> None:
        _declared(connector, Stream.DOCUMENTS)
        cursor = read_on(connector, Stream.DOCUMENTS, None).cursor
        key = rig.add_paper(rig.patient_of_today())
        assert key in read_on(connector, Stream.DOCUMENTS, cursor).latest()

    @pytest.mark.parametrize("stream", [Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS, Stream.PATIENTS])
    def test_a_change_during_the_first_read_is_not_lost(
        self, rig: Rig, connector: Connector, stream: Stream
    ) -> None:
        _declared(connector, stream)
        patient, visit = rig.patient_of_today(), rig.book()
        first = connector.read(stream, None)
        status = rig.statuses()[2]
        rig.set_status(visit, status)
        email = rig.edit_patient(patient)
        heard = read_on(connector, stream, first.cursor)
        heard.pages += read_on(connector, stream, heard.cursor).pages
        if stream is Stream.PATIENTS:
            assert getattr(heard.latest()[patient], "email", "") == email
        else:
            assert getattr(heard.latest()[visit], "status_key", "") == status

    @pytest.mark.parametrize("answer", [1, 2, 3, 4])
    @pytest.mark.parametrize("stream", [Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS])
    def test_a_change_while_an_answer_is_on_its_way_is_not_lost(
        self, rig: Rig, connector: Connector, stream: Stream, answer: int
    ) -> None:
        _declared(connector, stream)
        visit, other, status = rig.book(), rig.book(), rig.statuses()[3]
        cursor = read_on(connector, stream, None).cursor
        cursor = read_on(connector, stream, cursor).cursor
        rig.set_status(other, rig.statuses()[1])
        rig.meanwhile(answer, lambda: rig.set_status(visit, status))
        heard = read_on(connector, stream, cursor)
        rig.now()
        heard.pages += read_on(connector, stream, heard.cursor).pages
        assert getattr(heard.latest()[visit], "status_key", "") == status
        assert getattr(heard.latest()[other], "status_key", "") == rig.statuses()[1]

    def test_every_status_passed_through_is_kept(self, rig: Rig, connector: Connector) -> None:
        _declared(connector, Stream.APPOINTMENT_STATUS)
        if connector.manifest.streams[Stream.APPOINTMENT_STATUS].changes is not Changes.HISTORY:
            return
        visit, passed = rig.book(), rig.statuses()[1:4]
        cursor = read_on(connector, Stream.APPOINTMENT_STATUS, None).cursor
        for status in passed:
            rig.set_status(visit, status)
        heard = read_on(connector, Stream.APPOINTMENT_STATUS, cursor)
        seen = [r for r in heard.records if isinstance(r, StatusSeen) and r.key == visit]
        told = [r.status_key for r in seen]
        assert [s for s in told if s in passed][-3:] == passed
        assert seen[-1].latest
        assert len({r.seen_key for r in seen}) == len(seen)
        assert [a != b for a, b in pairwise(told[-3:])] == [True, True]

    def test_a_deletion_shows_as_declared(self, rig: Rig, connector: Connector) -> None:
        for stream in (Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS):
            claim = connector.manifest.streams.get(stream)
            if claim is None:
                continue
            visit = rig.book()
            cursor = read_on(connector, stream, None).cursor
            rig.delete(visit)
            heard = read_on(connector, stream, cursor)
            assert visit not in heard.latest()
            assert (visit in heard.gone) is (claim.deletions is Deletions.TOMBSTONE)
            assert visit not in read_on(connector, stream, None).keys

    def test_a_deleted_document_shows_as_declared(self, rig: Rig, connector: Connector) -> None:
        _declared(connector, Stream.DOCUMENTS)
        paper = rig.add_paper(rig.patient_of_today())
        cursor = read_on(connector, Stream.DOCUMENTS, None).cursor
        rig.delete_paper(paper)
        heard = read_on(connector, Stream.DOCUMENTS, cursor)
        if connector.manifest.streams[Stream.DOCUMENTS].deletions is Deletions.TOMBSTONE:
            assert paper in heard.gone
        assert paper not in heard.keys
        assert paper not in read_on(connector, Stream.DOCUMENTS, None).keys

    def test_what_is_unknown_stays_unknown(self, rig: Rig, connector: Connector) -> None:
        one, two = rig.book(), rig.book()
        cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
        status, state = rig.unknown_status(one), rig.unknown_state(two)
        found = read_on(connector, Stream.APPOINTMENTS, cursor).latest()
        visit, other = found[one], found[two]
        assert isinstance(visit, Appointment)
        assert isinstance(other, Appointment)
        assert visit.status_key == status
        assert other.state is BookingState.UNKNOWN
        assert other.state_raw == state
        known = {item.key for item in connector.lookups(LookupKind.APPOINTMENT_STATUSES)}
        assert status not in known

    def test_a_corrupt_row_is_named_and_the_rest_goes_on(self, rig: Rig, connector: Connector) -> None:
        broken, fine = rig.book(), rig.book()
        cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
        rig.corrupt(broken)
        rig.set_status(fine, rig.statuses()[1])
        heard = read_on(connector, Stream.APPOINTMENTS, cursor)
        assert fine in heard.latest()
        found = heard.latest().get(broken)
        if found is None:
            assert broken in {each.key for each in heard.bad} | heard.gone
        else:
            assert isinstance(found, Appointment)
            assert found.state is BookingState.UNKNOWN
        assert all(each.why for each in heard.bad)

    @pytest.mark.parametrize("stream", [Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS])
    def test_the_repeated_hour_loses_nothing(self, rig: Rig, connector: Connector, stream: Stream) -> None:
        _declared(connector, stream)
        visit = rig.book()
        rig.set_status(visit, rig.statuses()[1])
        cursor = read_on(connector, stream, None).cursor
        cursor = read_on(connector, stream, cursor).cursor
        rig.repeat_hour()
        rig.set_status(visit, rig.statuses()[2])
        heard = read_on(connector, stream, cursor)
        assert getattr(heard.latest()[visit], "status_key", "") == rig.statuses()[2]
        rig.set_status(visit, rig.statuses()[3])
        heard = read_on(connector, stream, heard.cursor)
        assert getattr(heard.latest()[visit], "status_key", "") == rig.statuses()[3]

    def test_a_cursor_that_cannot_be_understood_starts_anew(self, rig: Rig, connector: Connector) -> None:
        for cursor in ("", "nonsense", '{"v": 0}', "[]", '{"m": "other", "v": 99}'):
            heard = read_on(connector, Stream.APPOINTMENTS, cursor)
            assert set(heard.latest()) == rig.present(Stream.APPOINTMENTS)

    def test_a_thorough_read_says_nothing_untrue(self, rig: Rig, connector: Connector) -> None:
        for stream in RECORDS:
            claim = connector.manifest.streams.get(stream)
            if claim is None or not claim.scan_every:
                continue
            cursor = read_on(connector, stream, None).cursor
            heard = read_on(connector, stream, cursor, thorough=True)
            assert not heard.gone & rig.present(stream)
            assert living(heard.latest()) <= rig.present(stream)
            later = read_on(connector, stream, heard.cursor)
            assert living(later.latest()) <= rig.present(stream)

    # -- writing --------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", MARKED)
    def test_a_write_lands_once_and_is_shown(self, rig: Rig, connector: Connector, kind: CommandKind) -> None:
        command = _offered(rig, connector, kind)
        assert connector.landed(command) is None
        receipt = connector.write(command)
        seen = connector.landed(command)
        found = rig.truth(MARKER)
        assert len(found) == 1
        assert seen is not None
        assert seen.seen
        assert seen.patient_key == command.patient_key == found[0].patient_key
        assert seen.record == found[0].record
        assert receipt.record in ("", found[0].record)
        assert " ".join(seen.text.split()) == " ".join(found[0].text.split())

    def test_a_hard_text_is_stored_as_it_was_sent(self, rig: Rig, connector: Connector) -> None:
        command = _offered(rig, connector, CommandKind.ADD_NOTE, text=HARD_TEXT)
        connector.write(command)
        seen = connector.landed(command)
        assert seen is not None
        wanted = f"{HARD_TEXT} {MARKER}"
        assert " ".join(seen.text.split()) == " ".join(wanted.split())

    def test_looking_never_says_yes_to_what_is_not_there(self, rig: Rig, connector: Connector) -> None:
        for kind in connector.manifest.commands:
            if kind not in MARKED:
                continue
            command = rig.command(kind, MARKER)
            connector.write(command)
            if kind is not CommandKind.MARK_INSURANCE_VERIFIED:
                assert connector.landed(rig.command(kind, OTHER_MARKER)) is None
                assert connector.landed(rig.aside(command)) is None
        assert rig.truth(OTHER_MARKER) == []

    def test_looking_for_several_answers_in_their_order(self, rig: Rig, connector: Connector) -> None:
        if CommandKind.ADD_NOTE not in connector.manifest.commands:
            return
        sent = rig.command(CommandKind.ADD_NOTE, MARKER)
        connector.write(sent)
        missing = rig.command(CommandKind.ADD_NOTE, OTHER_MARKER)
        many: list[Command] = [missing, sent, rig.aside(missing), sent]
        found = connector.landed_all(many)
        assert [each is not None for each in found] == [False, True, False, True]
        assert connector.landed_all([]) == []

    def test_a_status_is_set_and_shown(self, rig: Rig, connector: Connector) -> None:
        command = _status_move(rig, connector, 1)
        assert connector.landed(command) is None
        connector.write(command)
        assert rig.status_of(command.appointment_key) == command.status_key
        seen = connector.landed(command)
        assert seen is not None
        assert seen.text == command.status_key

    def test_a_status_that_moved_meanwhile_is_a_conflict(self, rig: Rig, connector: Connector) -> None:
        command = _status_move(rig, connector, 1)
        rig.set_status(command.appointment_key, rig.statuses()[3])
        with pytest.raises(Conflict) as error:
            connector.write(command)
        assert error.value.current == rig.statuses()[3]
        assert rig.status_of(command.appointment_key) == rig.statuses()[3]

    def test_a_status_of_a_deleted_visit_is_refused(self, rig: Rig, connector: Connector) -> None:
        command = _status_move(rig, connector, 1)
        rig.delete(command.appointment_key)
        with pytest.raises(Refused):
            connector.write(command)
        assert connector.landed(command) is None

    @pytest.mark.parametrize("kind", MARKED)
    def test_no_line_before_sending_is_unavailable_and_changes_nothing(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        command = _offered(rig, connector, kind)
        rig.go_offline()
        with pytest.raises(Unavailable):
            connector.write(command)
        rig.come_back()
        assert rig.truth(MARKER) == []
        assert connector.landed(command) is None

    @pytest.mark.parametrize("kind", MARKED)
    def test_a_line_lost_at_sending_is_never_said_to_be_safe_to_repeat_when_it_was_taken(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        command = _offered(rig, connector, kind)
        connector.identify()
        rig.cut_after_write()
        with pytest.raises(Uncertain):
            connector.write(command)
        found = rig.truth(MARKER)
        assert len(found) <= 1  # nothing is ever repeated by the connector itself
        seen = connector.landed(command)
        if kind is not CommandKind.MARK_INSURANCE_VERIFIED:
            assert len(found) == 1
            assert seen is not None
            assert seen.record == found[0].record

    @pytest.mark.parametrize("kind", MARKED)
    def test_a_line_lost_before_the_write_leaves_nothing_and_looking_says_so(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        command = _offered(rig, connector, kind)
        connector.identify()
        rig.cut_before_write()
        with pytest.raises((Uncertain, Unavailable)):
            connector.write(command)
        assert rig.truth(MARKER) == []
        assert connector.landed(command) is None

    def test_one_call_is_one_attempt(self, rig: Rig, connector: Connector) -> None:
        command = _offered(rig, connector, CommandKind.ADD_NOTE)
        connector.identify()
        rig.cut_before_write()
        before = rig.writes_received()
        with pytest.raises((Uncertain, Unavailable)):
            connector.write(command)
        assert rig.writes_received() - before <= 1
        assert rig.truth(MARKER) == []

    @pytest.mark.parametrize("kind", MARKED)
    def test_a_refusal_is_refused_and_leaves_nothing(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        command = _offered(rig, connector, kind)
        rig.refuse()
        with pytest.raises(Refused):
            connector.write(command)
        assert rig.truth(MARKER) == []

    def test_asked_to_wait_is_unavailable_with_a_time(self, rig: Rig, connector: Connector) -> None:
        command = _offered(rig, connector, CommandKind.ADD_NOTE)
        connector.identify()
        rig.throttle()
        with pytest.raises(Unavailable) as error:
            connector.write(command)
        assert (error.value.retry_after or 0) > 0
        assert rig.truth(MARKER) == []

    def test_an_expired_sign_in_is_unauthorised(self, rig: Rig, connector: Connector) -> None:
        command = _offered(rig, connector, CommandKind.ADD_NOTE)
        rig.expire_sign_in()
        with pytest.raises(Unauthorised) as error:
            connector.write(command)
        assert error.value.safe_message
        assert rig.truth(MARKER) == []
        assert any(finding.ok is False for finding in connector.examine())

    def test_what_is_not_declared_never_reaches_the_vendor(self, rig: Rig, connector: Connector) -> None:
        before = rig.writes_received()
        for kind in CommandKind:
            if connector.manifest.can_write(kind):
                continue
            with pytest.raises(PmsError):
                connector.write(rig.command(kind, MARKER))
        assert rig.writes_received() == before
        assert rig.truth(MARKER) == []

    # -- the line, the machine, the people ------------------------------------------------------------------

    def test_unreachable_is_unavailable_and_comes_back(self, rig: Rig, connector: Connector) -> None:
        cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
        rig.go_offline()
        with pytest.raises(Unavailable):
            connector.read(Stream.APPOINTMENTS, cursor)
        with pytest.raises(Unavailable):
            connector.identify()
        assert any(finding.ok is False for finding in connector.examine())
        rig.come_back()
        key = rig.book()
        assert key in read_on(connector, Stream.APPOINTMENTS, cursor).latest()

    def test_a_busy_pms_is_left_alone(self, rig: Rig, connector: Connector) -> None:
        cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
        rig.be_busy()
        assert connector.identify().busy
        with pytest.raises(Unavailable):
            connector.read(Stream.APPOINTMENTS, cursor)

    def test_it_can_be_used_after_it_was_closed(self, connector: Connector) -> None:
        connector.identify()
        connector.close()
        connector.close()
        assert connector.identify().version

    def test_reading_and_writing_at_once_from_two_threads(self, rig: Rig, connector: Connector) -> None:
        failures: list[BaseException] = []

        def reading() -> None:
            try:
                for _ in range(5):
                    read_on(connector, Stream.APPOINTMENTS, None)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=reading)
        thread.start()
        command = _offered(rig, connector, CommandKind.ADD_NOTE)
        connector.write(command)
        assert connector.landed(command) is not None
        thread.join(60)
        assert failures == []

    def test_no_name_appears_in_any_message_repr_cursor_or_log(
        self, rig: Rig, connector: Connector, caplog: pytest.LogCaptureFixture
    ) -> None:
        said: list[str] = [repr(connector), repr(Settings(values={"a": "b"}, secrets={"c": "d"}))]
        with caplog.at_level(logging.DEBUG):
            for stream in connector.manifest.streams:
                if stream in RECORDS:
                    said += [_quiet(page) for page in pages(connector, stream, None)]
            said += [repr(connector.identify()), *(repr(each) for each in connector.examine())]
            visit = rig.book()
            rig.corrupt(visit)
            for page in pages(connector, Stream.APPOINTMENTS, None):
                said.append(_quiet(page))
            said += _provoke(rig, connector)
        said += [record.getMessage() for record in caplog.records]
        said += [str(record.exc_text or "") for record in caplog.records]
        assert leaks(said, rig.canaries) == []


def _provoke(rig: Rig, connector: Connector) -> list[str]:
    """Everything that a connector says when it is treated badly."""
    said: list[str] = []
    canary = rig.canaries[0]
    for turn in (rig.refuse, rig.cut_before_write, rig.cut_after_write, rig.throttle, rig.expire_sign_in):
        for kind in connector.manifest.commands:
            marker = MARKER if kind in MARKED else ""
            command = (
                rig.command(kind, marker, text=canary)
                if kind in MARKED
                else rig.command(CommandKind.SET_APPOINTMENT_STATUS, marker)
            )
            turn()
            try:
                said.append(repr(connector.write(command)))
            except PmsError as error:
                said += [str(error), repr(error), error.safe_message, repr(vars(error))]
                said += _chain(error)
    rig.go_offline()
    for call in (connector.identify, connector.examine):
        try:
            said.append(repr(call()))
        except PmsError as error:
            said += [str(error), repr(error), *_chain(error)]
    return said


def _chain(error: BaseException) -> list[str]:
    said = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None:
        said += [str(cause), repr(cause)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return said


def _quiet(page: object) -> str:
    """What of a page may be logged or stored beside the records: everything but they."""
    names = ("cursor", "bad", "gone", "more", "complete")
    refs = [getattr(record, "ref", "") for record in getattr(page, "records", ())]
    return repr([getattr(page, name) for name in names]) + repr(refs)


def _declared(connector: Connector, stream: Stream) -> None:
    if stream not in connector.manifest.streams:
        with pytest.raises(PmsError):
            connector.read(stream, None)
        pytest.xfail(f"{stream} is not declared")


def _offered(rig: Rig, connector: Connector, kind: CommandKind, *, text: str = "") -> Command:
    """A command with a marker; a kind that isn't declared is tested by the test of what is not declared."""
    if not connector.manifest.can_write(kind):
        pytest.xfail(f"{kind} is not declared")
    return rig.command(kind, MARKER, text=text)


def _status_move(rig: Rig, connector: Connector, to: int) -> SetAppointmentStatus:
    if not connector.manifest.can_write(CommandKind.SET_APPOINTMENT_STATUS):
        pytest.xfail("setting a status is not declared")
    visit = rig.book()
    return SetAppointmentStatus(
        patient_key=_patient_of(connector, visit),
        appointment_key=visit,
        status_key=rig.statuses()[to],
        expected_key=rig.status_of(visit),
    )


def _patient_of(connector: Connector, visit: str) -> str:
    record = read_on(connector, Stream.APPOINTMENTS, None).latest()[visit]
    assert isinstance(record, Appointment)
    return record.patient_key
