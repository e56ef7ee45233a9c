"""The contract of reading: everything comes, nothing is lost, nothing is guessed, what is gone is proved gone.

Must not be in it: a word about any one PMS.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from chartbridge.domain.charts import LookupKind, Photo
from chartbridge.domain.schedule import Appointment, BookingState, StatusSeen
from chartbridge.pms.connector import Connector
from chartbridge.pms.manifest import Changes, Deletions
from chartbridge.pms.reading import Stream
from chartbridge.testing.claims import RECORDS, declared
from chartbridge.testing.rig import Rig
from chartbridge.testing.steps import living, pages, read_on


class ReadingContract:
    """Every test of `lookups`, `read` and `open_file`."""

    @pytest.mark.parametrize("stream", RECORDS)
    def test_the_first_read_brings_everything(self, rig: Rig, connector: Connector, stream: Stream) -> None:
        declared(connector, stream)
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
        declared(connector, stream)
        assert set(read_on(rig.connect, stream, None).latest()) == rig.present(stream)

    @pytest.mark.parametrize("stream", RECORDS)
    def test_the_same_cursor_twice_gives_no_less(
        self, rig: Rig, connector: Connector, stream: Stream
    ) -> None:
        declared(connector, stream)
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
        declared(connector, stream)
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
        declared(connector, Stream.PHOTOS)
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
        declared(connector, Stream.DOCUMENTS)
        cursor = read_on(connector, Stream.DOCUMENTS, None).cursor
        key = rig.add_paper(rig.patient_of_today())
        assert key in read_on(connector, Stream.DOCUMENTS, cursor).latest()

    @pytest.mark.parametrize("stream", [Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS, Stream.PATIENTS])
    def test_a_change_during_the_first_read_is_not_lost(
        self, rig: Rig, connector: Connector, stream: Stream
    ) -> None:
        declared(connector, stream)
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
        declared(connector, stream)
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
        declared(connector, Stream.APPOINTMENT_STATUS)
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

    @pytest.mark.parametrize("stream", [Stream.APPOINTMENTS, Stream.APPOINTMENT_STATUS])
    def test_an_emptied_schedule_is_not_told_as_so_many_deletions(
        self, rig: Rig, connector: Connector, stream: Stream
    ) -> None:
        declared(connector, stream)
        rig.book()
        cursor = read_on(connector, stream, None).cursor
        cursor = read_on(connector, stream, cursor).cursor
        rig.lose_visits()
        for thorough in (False, True):
            assert read_on(connector, stream, cursor, thorough=thorough).gone == set()

    def test_a_deleted_document_shows_as_declared(self, rig: Rig, connector: Connector) -> None:
        declared(connector, Stream.DOCUMENTS)
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
        declared(connector, stream)
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
