from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from chartbridge.domain.activities import ActivityKind
from chartbridge.pms.commands import AddDocument, Command, CommandKind
from chartbridge.store.models import (
    Activity,
    ActivityFile,
    Connection,
    Delivery,
    DocumentSetting,
    LookupEntry,
    MirrorPatient,
    NoteSetting,
    Seen,
    Writeback,
)
from chartbridge.writeback.enqueue import (
    UnknownAppointment,
    enqueue_activity,
    enqueue_many,
    enqueue_status_move,
)
from chartbridge.writeback.mend import (
    back_fill,
    dismiss,
    free_after_setting,
    patients_changed,
    rehearse,
    retry,
    retry_alike,
)
from tests.writeback.conftest import Office

MARY = "mary@example.com"
TEXT = ActivityKind.OUTGOING_TEXT


def stands(row: Writeback) -> tuple[str, str]:
    row.refresh_from_db()
    return str(row.delivery), row.reason_code


def test_a_type_that_is_not_allowed_is_skipped_and_can_be_back_filled(office: Office) -> None:
    NoteSetting.objects.filter(kind=TEXT).update(allow=False)
    row = office.enqueue(TEXT)[0]
    office.enqueue(TEXT, occurred_at=office.clock.now() - timedelta(days=40))
    assert stands(row) == ("skipped", "not_allowed")
    office.settle()
    assert office.pms.writes == 0
    NoteSetting.objects.filter(kind=TEXT).update(allow=True)
    assert free_after_setting(office.connection.pk, MARY, clock=office.clock) == 0
    since = office.clock.now() - timedelta(days=30)
    assert back_fill(office.connection.pk, TEXT, since, MARY, clock=office.clock) == 1
    office.settle()
    office.check()
    assert Writeback.objects.filter(seen=Seen.SEEN).count() == 1


def test_a_box_that_was_unticked_stops_what_waits(office: Office) -> None:
    row = office.enqueue(TEXT)[0]
    NoteSetting.objects.filter(kind=TEXT).update(allow=False)
    office.settle()
    assert stands(row) == ("skipped", "not_allowed")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"writing_on": False}, "writing_off"),
        ({"on": False}, "connection_off"),
        ({"provider_key": ""}, "no_provider"),
    ],
)
def test_a_missing_setting_holds_and_setting_it_frees(
    office: Office, change: dict[str, object], code: str
) -> None:
    before = Connection.objects.values(*change).get()
    office.change(**change)
    row = office.enqueue()[0]
    assert stands(row) == ("held", code)
    assert row.reason
    office.change(**before)
    assert free_after_setting(office.connection.pk, MARY, clock=office.clock) == 1
    office.settle()
    office.check()
    assert stands(row) == ("taken", "")


@pytest.mark.parametrize("gone", [True, False])
def test_a_note_type_that_is_gone_parks_and_choosing_another_frees_all_alike(
    office: Office, gone: bool
) -> None:
    entry = LookupEntry.objects.filter(key="235")
    entry.update(gone_at=office.clock.now()) if gone else entry.update(active=False)
    rows = [office.enqueue()[0] for _ in range(3)]
    assert {stands(row) for row in rows} == {("parked", "note_type_gone")}
    assert "“Misc”" in rows[0].reason
    assert retry_alike(office.practice.pk, "note_type_gone", MARY, clock=office.clock) == 0
    NoteSetting.objects.update(note_type_key="236")
    assert free_after_setting(office.connection.pk, MARY, clock=office.clock) == 3
    office.settle()
    office.check()


def test_no_note_type_chosen_holds(office: Office) -> None:
    NoteSetting.objects.update(note_type_key="")
    assert stands(office.enqueue()[0]) == ("held", "no_note_type")


def test_an_unknown_patient_holds_until_he_appears(office: Office) -> None:
    row = office.enqueue(patient="77")[0]
    assert stands(row) == ("held", "unknown_patient")
    office.settle()
    assert office.pms.writes == 0
    office.patient("77")
    assert office.connection.pk in office.deliverer().due([office.connection.pk])
    office.settle()
    assert stands(row) == ("taken", "")
    office.check()


def test_the_reading_side_may_say_that_patients_came(office: Office) -> None:
    row = office.enqueue(patient="77")[0]
    office.patient("77")
    assert patients_changed(office.connection.pk, ["76"], clock=office.clock) == 0
    assert patients_changed(office.connection.pk, ["77"], clock=office.clock) == 1
    assert stands(row) == ("queued", "")


@pytest.mark.parametrize("how", [{"status": "deleted"}, {"gone_at": "now"}])
def test_a_deleted_patient_parks(office: Office, how: dict[str, object]) -> None:
    given = {name: office.clock.now() if value == "now" else value for name, value in how.items()}
    MirrorPatient.objects.filter(key="1").update(**given)
    assert stands(office.enqueue()[0]) == ("parked", "patient_deleted")


@pytest.mark.parametrize("status", ["deceased", "archived", "inactive", "unknown"])
def test_deceased_and_archived_patients_keep_their_charts(office: Office, status: str) -> None:
    MirrorPatient.objects.filter(key="1").update(status=status)
    assert stands(office.enqueue()[0]) == ("queued", "")


def test_a_command_that_is_not_declared_is_never_sent(office: Office) -> None:
    del office.manifest.commands[CommandKind.ADD_DOCUMENT]
    row = paper(office)
    assert stands(row) == ("parked", "not_supported")
    assert row.reason == "Scripted Dental can't do this: its documents are on paper."


def test_a_pms_that_is_too_old_is_told_so(make_office: Callable[..., Office]) -> None:
    office = make_office(since="24.1.9")
    office.change(identity={"version": "24.1.10"})
    assert stands(office.enqueue()[0]) == ("queued", "")
    office.change(identity={"version": "23.3"})
    row = office.enqueue()[0]
    assert stands(row) == ("parked", "too_old")
    assert "24.1.9" in row.reason


def test_before_there_is_a_connection_everything_is_held_and_then_written(office: Office) -> None:
    Connection.objects.all().delete()
    row = office.enqueue(body="word " * 900)[0]
    assert stands(row) == ("held", "no_connection")
    link = Connection.objects.create(practice=office.practice, connector="scripted", provider_key="9")
    office.connection = link
    office.patient("1")
    NoteSetting.objects.create(
        connection=link, kind=ActivityKind.PATIENT_NOTE, allow=True, note_type_key="235"
    )
    free_after_setting(link.pk, MARY, clock=office.clock)
    office.settle()
    office.check()
    assert [r.text.splitlines()[0] for r in office.pms.records] == ["Note (1/3)", "Note (2/3)", "Note (3/3)"]


def test_a_long_text_becomes_parts_in_order(office: Office) -> None:
    rows = office.enqueue(body="word " * 900)
    assert [(r.part, r.parts) for r in rows] == [(1, 3), (2, 3), (3, 3)]
    assert len({r.marker for r in rows}) == 3
    assert all(len(r.text) <= 2000 for r in rows)
    office.settle()
    assert office.pms.markers() == [r.marker for r in rows]


def test_a_text_that_is_too_long_for_any_number_of_notes_is_said(make_office: Callable[..., Office]) -> None:
    office = make_office(max_text=200)
    row = office.enqueue(body="x" * 100_000)[0]
    assert stands(row) == ("parked", "text_too_long")
    retry(office.practice.pk, [row.pk], MARY, clock=office.clock)
    assert stands(row) == ("parked", "text_too_long")


def paper(office: Office, content: bytes = b"%PDF-1.7") -> Writeback:
    activity = office.told(ActivityKind.ACCOUNT_STATEMENT)
    ActivityFile.objects.create(
        activity=activity, name="s.pdf", media_type="application/pdf", sha256="", content=content
    )
    return enqueue_activity(activity, MARY)[0]


def test_a_document_is_written_under_its_type_with_its_bytes(office: Office) -> None:
    sent: list[Command] = []
    office.pms.before = sent.append
    row = paper(office)
    office.settle()
    office.check()
    assert isinstance(sent[0], AddDocument)
    assert (sent[0].document_type_key, bytes(sent[0].content)) == ("5", b"%PDF-1.7")
    assert sent[0].name == f"Account Statement 2026-11-03 {row.marker}"


def test_a_document_that_is_too_large_or_not_ticked_is_said(office: Office) -> None:
    row = paper(office, b"x" * 1_000_001)
    assert stands(row) == ("parked", "file_too_large")
    DocumentSetting.objects.update(write=False)
    assert stands(paper(office)) == ("skipped", "not_allowed")


def test_a_verification_note_marks_the_insurance_as_verified(office: Office) -> None:
    rows = office.enqueue(ActivityKind.VERIFICATION_NOTE, verified_on=date(2026, 11, 2))
    assert [r.command for r in rows] == [CommandKind.ADD_NOTE, CommandKind.MARK_INSURANCE_VERIFIED]
    office.settle()
    office.check()
    assert office.pms.records[1].text.startswith("Verified 2026-11-02 CB-")


def test_many_activities_are_enqueued_at_once_and_stand_in_order(office: Office) -> None:
    told = [office.told(patient=str(1 + n % 3)) for n in range(50)]
    made = enqueue_many(told, MARY)
    assert [rows[0].activity_id for rows in made] == [activity.pk for activity in told]
    office.settle()
    assert office.pms.markers() == [rows[0].marker for rows in made]


def test_once_it_is_known_whose_an_activity_is_the_nameless_writeback_gives_way(office: Office) -> None:
    activity = office.told(patient="")
    nameless = enqueue_activity(activity, MARY)[0]
    assert stands(nameless)[0] == "held"
    Activity.objects.update(patient_key="2")
    activity.refresh_from_db()
    enqueue_activity(activity, MARY)
    office.settle()
    assert stands(nameless) == ("retracted", "superseded")
    assert [r.patient_key for r in office.pms.records] == ["2"]
    office.check()


def test_a_status_move_reaches_the_pms_and_the_last_wish_wins(office: Office) -> None:
    office.appointment("500")
    wish = [
        enqueue_status_move(office.connection.pk, "500", key, "21", MARY, clock=office.clock)
        for key in ("22", "25", "22")
    ]
    assert [stands(row)[0] for row in wish] == ["retracted", "retracted", "queued"]
    office.settle()
    assert office.pms.statuses["500"] == "22"
    assert office.pms.writes == 1
    office.check()


def test_a_second_move_before_the_board_shows_the_first_is_no_conflict(office: Office) -> None:
    office.appointment("500")
    enqueue_status_move(office.connection.pk, "500", "22", "21", MARY, clock=office.clock)
    office.deliver()
    enqueue_status_move(office.connection.pk, "500", "25", "21", MARY, clock=office.clock)
    office.settle()
    assert office.pms.statuses["500"] == "25"
    office.check()


def test_a_move_made_in_the_pms_meanwhile_is_a_conflict_that_a_person_may_override(office: Office) -> None:
    office.appointment("500")
    row = enqueue_status_move(office.connection.pk, "500", "22", "21", MARY, clock=office.clock)
    office.pms.statuses["500"] = "25"
    office.settle()
    assert stands(row) == ("parked", "conflict")
    assert "“Seated”" in row.reason
    assert "“Arrived”" in row.reason
    assert retry(office.practice.pk, [row.pk], MARY, clock=office.clock) == 1
    office.settle()
    assert office.pms.statuses["500"] == "22"


def test_a_status_move_that_waited_too_long_is_not_made_a_day_later(office: Office) -> None:
    office.appointment("500")
    row = enqueue_status_move(office.connection.pk, "500", "22", "21", MARY, clock=office.clock)
    office.clock.advance(13 * 3600)
    office.settle()
    assert stands(row) == ("parked", "too_late")
    assert office.pms.statuses["500"] == "21"


def test_a_move_of_an_appointment_that_is_not_there_is_said(office: Office) -> None:
    with pytest.raises(UnknownAppointment):
        enqueue_status_move(office.connection.pk, "404", "22", "21", MARY, clock=office.clock)


def test_what_was_let_go_stays_on_record_and_is_never_sent(office: Office) -> None:
    row = office.enqueue(patient="77")[0]
    assert dismiss(office.practice.pk, [row.pk], MARY, clock=office.clock) == 1
    office.patient("77")
    office.settle()
    assert stands(row) == (Delivery.RETRACTED, "dismissed")
    assert dismiss(office.practice.pk, [row.pk], MARY, clock=office.clock) == 0


def test_nobody_mends_another_practices_writebacks(office: Office) -> None:
    office.pms.before = lambda _: None
    row = office.enqueue(patient="77")[0]
    office.patient("77")
    assert retry(office.practice.pk + 1, [row.pk], MARY, clock=office.clock) == 0
    assert dismiss(office.practice.pk + 1, [row.pk], MARY, clock=office.clock) == 0


def test_a_rehearsal_tells_the_exact_texts_and_what_would_fail_and_writes_nothing(office: Office) -> None:
    NoteSetting.objects.filter(kind=TEXT).update(allow=False)
    office.enqueue(TEXT, body="See you at 9")
    office.enqueue(TEXT, patient="77")
    office.enqueue(TEXT, occurred_at=office.clock.now() - timedelta(days=31))
    told = rehearse(office.connection.pk, TEXT, clock=office.clock)
    assert (told.activities, told.writebacks, told.would_go) == (2, 2, 1)
    assert [(p.code, p.count) for p in told.problems] == [("unknown_patient", 1)]
    assert any("See you at 9" in sample for sample in told.samples)
    office.settle()
    assert office.pms.writes == 0
