"""A day's look at the PMS: finds what is missing, twice, under another patient or changed; goes on after a crash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection

from chartbridge.domain.activities import ActivityKind
from chartbridge.pms.commands import AddNote, Command, CommandKind, Finds, Receipt, Sought
from chartbridge.pms.errors import Unavailable, Unreadable
from chartbridge.pms.manifest import SearchClaim
from chartbridge.pms.registry import install
from chartbridge.store import deliveries, ledger, reconciliations
from chartbridge.store.database import writing
from chartbridge.store.live_connectors import LiveConnectors
from chartbridge.store.models import (
    ActivityFile,
    Delivery,
    FindingKind,
    NoteSetting,
    Reconciliation,
    ReconciliationFinding,
    Seen,
    Writeback,
    WritebackEvent,
)
from chartbridge.writeback import correcting, mend, reconcile
from chartbridge.writeback.enqueue import enqueue_activity
from tests.writeback.conftest import NOON, Office
from tests.writeback.scripted_pms import ScriptedConnector, scripted_registry


def look(office: Office) -> Reconciliation:
    return reconcile.whole_day(office.practice.pk, NOON.date(), office.live, office.clock)


def found(run: Reconciliation) -> list[tuple[int, str]]:
    return [(each.writeback_id, each.kind) for each in reconciliations.findings(run.pk)]


def written(office: Office, count: int = 3) -> list[Writeback]:
    for number in range(count):
        office.enqueue(patient=str(number % 3 + 1))
    office.settle()
    return list(Writeback.objects.order_by("pk"))


def test_a_day_that_is_as_it_was_written_is_green(office: Office) -> None:
    written(office)
    run = look(office)
    assert (run.looked, run.in_chart, run.total) == (3, 3, 3)
    assert run.finished_at is not None
    assert run.everywhere
    assert found(run) == []


def test_what_was_deleted_is_missing_and_goes_to_the_failure_desk_and_is_written_again_once(
    office: Office,
) -> None:
    first, *_ = written(office)
    office.pms.records = [r for r in office.pms.records if r.marker != first.marker]
    run = look(office)
    assert found(run) == [(first.pk, FindingKind.MISSING)]
    first.refresh_from_db()
    assert (first.delivery, first.seen, first.reason_code) == (Delivery.TAKEN, Seen.MISSING, "gone_since")
    assert mend.retry(office.practice.pk, [first.pk], "mary@example.com", clock=office.clock) == 1
    office.settle()
    assert office.pms.markers().count(first.marker) == 1
    assert found(look(office)) == []
    office.check()


def test_what_comes_back_by_itself_leaves_the_failure_desk(office: Office) -> None:
    first, *_ = written(office)
    kept, office.pms.records = office.pms.records, []
    look(office)
    office.pms.records = kept
    assert found(look(office)) == []
    first.refresh_from_db()
    assert first.seen == Seen.SEEN
    office.check()


def test_a_copy_a_misfiled_note_and_an_edited_one_are_told_apart(office: Office) -> None:
    copied, misfiled, edited = written(office)
    by_marker = {record.marker: record for record in office.pms.records}
    office.pms.records.append(replace(by_marker[copied.marker], number=77))
    by_marker[misfiled.marker].patient_key = "3"
    by_marker[edited.marker].text += " And another sentence by the desk."
    run = look(office)
    assert found(run) == [
        (copied.pk, FindingKind.TWICE),
        (misfiled.pk, FindingKind.MISSING),
        (misfiled.pk, FindingKind.WRONG_PATIENT),
        (edited.pk, FindingKind.CHANGED),
    ]
    assert ReconciliationFinding.objects.get(kind=FindingKind.TWICE).records == [
        ["note 1", "1"],
        ["note 77", "1"],
    ]
    assert run.in_chart == 0
    misfiled.refresh_from_db()
    assert (misfiled.seen, misfiled.reason_code) == (Seen.MISSING, "gone_since"), "it is not in its own chart"
    look(office)
    misfiled.refresh_from_db()
    assert misfiled.seen == Seen.MISSING, "under another patient it is not seen"


def test_what_is_not_written_is_counted_and_not_called_missing(office: Office) -> None:
    written(office, 1)
    office.enqueue(patient="unknown-to-the-pms")
    run = look(office)
    assert (run.looked, run.not_written) == (1, 1)
    assert found(run) == []


def test_a_pms_that_cannot_be_asked_is_said_and_the_look_goes_on_from_there(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "AT_ONCE", 2)
    written(office, 5)
    reconciler = reconcile.Reconciler(office.live, office.clock)
    run = reconcile.begin(office.practice.pk, NOON.date(), "mary@example.com", clock=office.clock)
    assert reconciler()

    def away() -> None:
        raise Unavailable("Scripted Dental can't be reached.")

    office.pms.looking = away
    reconciler()
    run.refresh_from_db()
    assert (run.looked, run.error) == (2, "Scripted Dental can't be reached.")
    office.pms.looking = lambda: None
    assert not reconciler(), "it rests before it asks again"
    office.clock.advance(reconcile.REST_S + 1)
    again = reconcile.Reconciler(office.live, office.clock)  # as after a restart
    while again():
        pass
    run.refresh_from_db()
    assert (run.looked, run.in_chart, run.error) == (5, 5, "")
    assert run.finished_at
    assert reconcile.begin(office.practice.pk, NOON.date(), "x", clock=office.clock).pk != run.pk


def test_two_presses_are_one_look(office: Office) -> None:
    written(office, 1)
    one = reconcile.begin(office.practice.pk, NOON.date(), "a", clock=office.clock)
    assert reconcile.begin(office.practice.pk, NOON.date(), "b", clock=office.clock).pk == one.pk


def test_another_days_activities_are_left_alone(office: Office) -> None:
    written(office, 1)
    run = reconcile.whole_day(office.practice.pk, NOON.date() - timedelta(days=1), office.live, office.clock)
    assert run.looked == 0


def test_a_verification_whose_place_our_own_later_one_took_is_as_it_should_be(office: Office) -> None:
    for day in (NOON.date() - timedelta(days=1), NOON.date()):
        office.enqueue(ActivityKind.VERIFICATION_NOTE, verified_on=day)
        office.settle()
    marks = Writeback.objects.filter(command=CommandKind.MARK_INSURANCE_VERIFIED).order_by("pk")
    first, later = marks
    office.pms.records = [each for each in office.pms.records if each.marker != first.marker]
    assert found(look(office)) == [(first.pk, FindingKind.CHANGED)]
    marks.filter(pk=later.pk).update(record=first.record)
    run = look(office)
    assert (found(run), run.in_chart) == ([], 4)


def test_documents_and_verifications_are_looked_for_too(office: Office) -> None:
    office.enqueue(ActivityKind.VERIFICATION_NOTE, verified_on=NOON.date())
    office.settle()
    assert look(office).in_chart == Writeback.objects.count() == 2
    office.pms.records.clear()
    note, mark = Writeback.objects.order_by("pk")
    assert found(look(office)) == [(note.pk, FindingKind.MISSING), (mark.pk, FindingKind.CHANGED)]
    mark.refresh_from_db()
    assert mark.seen == Seen.SEEN, "a later verification may have taken its place: it is not written again"
    assert ledger.verify(office.practice.pk).whole


def test_what_a_person_has_dealt_with_is_found_again_only_when_something_else_is_shown(
    office: Office,
) -> None:
    copied, edited, gone = written(office)
    by_marker = {record.marker: record for record in office.pms.records}
    office.pms.records.append(replace(by_marker[copied.marker], number=77))
    by_marker[edited.marker].text = f"Edited once. {edited.marker}"
    office.pms.records.remove(by_marker[gone.marker])
    every = [
        (copied.pk, FindingKind.TWICE),
        (edited.pk, FindingKind.CHANGED),
        (gone.pk, FindingKind.MISSING),
    ]
    run = look(office)
    assert found(run) == every
    assert found(look(office)) == every, "nobody has dealt with them"
    ids = [each.pk for each in reconciliations.findings(run.pk)]
    reconciliations.decide(ids, "known", "mary@example.com", office.clock.now())
    run = look(office)
    assert found(run) == [(gone.pk, FindingKind.MISSING)], (
        "what is missing stands until it is written or dismissed"
    )
    assert run.in_chart == 2
    office.pms.records.append(replace(by_marker[copied.marker], number=78))
    by_marker[edited.marker].text = f"Edited twice. {edited.marker}"
    assert found(look(office)) == every


def test_what_could_only_be_written_the_next_day_is_looked_at_with_that_day(office: Office) -> None:
    office.change(writing_on=False)
    row = office.enqueue()[0]
    run = look(office)
    assert (run.looked, run.not_written) == (0, 1)
    office.clock.advance(24 * 3600)
    office.change(writing_on=True)
    mend.free_after_setting(office.connection.pk, "mary@example.com", clock=office.clock)
    office.settle()
    office.pms.records.clear()
    run = reconcile.whole_day(office.practice.pk, NOON.date() + timedelta(days=1), office.live, office.clock)
    assert found(run) == [(row.pk, FindingKind.MISSING)]


def test_two_processes_that_look_at_the_same_day_count_each_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "AT_ONCE", 2)
    written(office, 5)
    run = reconcile.begin(office.practice.pk, NOON.date(), "mary@example.com", clock=office.clock)
    quick = reconcile.Reconciler(office.live, office.clock)

    def meanwhile() -> None:
        office.pms.looking = lambda: None
        assert quick()

    office.pms.looking = meanwhile
    while reconcile.go_on(run, office.live, office.clock):
        run.refresh_from_db()
    run.refresh_from_db()
    assert (run.looked, run.in_chart, run.total) == (5, 5, 5)


def test_a_look_that_another_process_has_finished_ends_though_more_is_written_that_day(
    office: Office,
) -> None:
    written(office, 3)
    run = reconcile.begin(office.practice.pk, NOON.date(), "mary@example.com", clock=office.clock)
    quick = reconcile.Reconciler(office.live, office.clock)

    def meanwhile() -> None:
        office.pms.looking = lambda: None
        while quick():
            pass
        written(office, 1)

    office.pms.looking = meanwhile
    assert reconcile.go_on(run, office.live, office.clock)
    run.refresh_from_db()
    assert run.finished_at is not None
    assert not reconcile.go_on(run, office.live, office.clock)
    assert (run.looked, run.in_chart) == (3, 3)


def test_a_pms_that_can_only_be_looked_at_says_that_not_all_charts_were_searched(office: Office) -> None:
    first, *_ = written(office)
    office.pms.records.pop(0)
    install(scripted_registry(office.pms, replace(office.manifest, search=SearchClaim())))
    run = reconcile.whole_day(office.practice.pk, NOON.date(), LiveConnectors(office.clock), office.clock)
    assert not run.everywhere
    assert found(run) == [(first.pk, FindingKind.MISSING)]


def test_what_is_not_to_be_seen_yet_is_not_counted_as_in_the_chart(office: Office) -> None:
    first, *_ = written(office)
    office.pms.records = [r for r in office.pms.records if r.marker != first.marker]
    Writeback.objects.filter(pk=first.pk).update(seen=Seen.OWED)
    run = look(office)
    assert (run.looked, run.in_chart) == (3, 2)
    assert found(run) == []


@pytest.mark.parametrize("why", [{"hold": "Another PMS."}, {"rereading": True}])
def test_a_pms_that_is_in_doubt_calls_nothing_missing(office: Office, why: dict[str, object]) -> None:
    written(office)
    office.pms.records = []
    office.change(**why)
    with pytest.raises(reconcile.CannotReconcile):
        look(office)
    assert Reconciliation.objects.get().error == reconcile.NOT_NOW
    assert not Writeback.objects.filter(seen=Seen.MISSING).exists()


def test_a_fault_at_one_practice_stops_neither_the_others_nor_the_days_jobs(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(office)
    reconcile.begin(office.practice.pk, NOON.date(), "mary@example.com", clock=office.clock)
    calls = []

    def broken(*_args: object) -> bool:
        calls.append(1)
        raise ValueError

    monkeypatch.setattr(reconcile, "go_on", broken)
    go = reconcile.Reconciler(office.live, office.clock)
    assert not go()
    assert not go()
    assert len(calls) == 1, "it rests"
    assert Reconciliation.objects.get().error == reconcile.FAULT


def test_a_look_at_another_day_hides_nothing_that_is_open(office: Office) -> None:
    copied, gone, _ = written(office)
    by_marker = {record.marker: record for record in office.pms.records}
    office.pms.records.append(replace(by_marker[copied.marker], number=77))
    office.pms.records.remove(by_marker[gone.marker])
    look(office)
    assert reconciliations.open_findings(office.practice.pk) == 1, (
        "what is missing stands in the failure desk"
    )
    reconcile.whole_day(office.practice.pk, NOON.date() - timedelta(days=1), office.live, office.clock)
    assert reconciliations.open_findings(office.practice.pk) == 1


def test_of_copies_one_always_stays(office: Office) -> None:
    first, *_ = written(office, 1)
    run = Reconciliation.objects.create(
        practice=office.practice, day=NOON.date(), who="x", started_at=NOON, finished_at=NOON
    )
    Writeback.objects.update(record="")
    finding = ReconciliationFinding.objects.create(
        run=run, writeback=first, kind=FindingKind.TWICE, records=[["note 1", "1"], ["note 77", ""]]
    )
    [number] = correcting.correct_finding(finding, "mary@example.com", office.clock.now())
    made = Writeback.objects.get(corrects=first)
    assert number == made.pk
    assert (made.payload["correction"], made.patient_key) == ("note 77", "1")


def test_one_record_that_cannot_be_read_blocks_no_other(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, gone, _ = written(office)
    office.pms.records = [r for r in office.pms.records if r.marker != gone.marker]
    real = ScriptedConnector.find

    def find(self: ScriptedConnector, sought: Sequence[Sought], since: datetime) -> Finds:
        if any(each.command.marker == bad.marker for each in sought):
            raise Unreadable("Its answer is not to be understood.", evidence="x")
        return real(self, sought, since)

    monkeypatch.setattr(ScriptedConnector, "find", find)
    run = look(office)
    assert run.finished_at
    assert (run.looked, run.in_chart) == (3, 1)
    assert found(run) == [(bad.pk, FindingKind.UNREADABLE), (gone.pk, FindingKind.MISSING)]
    bad.refresh_from_db()
    assert bad.seen == Seen.SEEN, "what can't be read is not called missing"


@pytest.mark.parametrize("error", [Unreadable("?", evidence="x"), ValueError("a fault of ours")])
def test_one_that_cannot_be_looked_for_blocks_no_other(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bad, *_ = written(office)
    install(scripted_registry(office.pms, replace(office.manifest, search=SearchClaim())))
    live = LiveConnectors(office.clock)

    def fails(self: ScriptedConnector, command: Command) -> Receipt | None:
        if isinstance(command, AddNote) and command.marker == bad.marker:
            raise error
        return real(self, [command])[0]

    real = ScriptedConnector.landed_all
    monkeypatch.setattr(ScriptedConnector, "landed", fails)
    monkeypatch.setattr(
        ScriptedConnector, "landed_all", lambda self, commands: [fails(self, each) for each in commands]
    )
    run = reconcile.whole_day(office.practice.pk, NOON.date(), live, office.clock)
    assert (run.looked, run.in_chart) == (3, 2)
    assert found(run) == [(bad.pk, FindingKind.UNREADABLE)]


def merge(office: Office, source: str, into: str) -> None:
    for record in office.pms.records:
        if record.patient_key == source:
            record.patient_key = into


def test_a_merged_patients_record_is_told_as_merged_and_stands_in_the_chart(office: Office) -> None:
    first, *_ = written(office)
    merge(office, "1", "2")
    office.pms.merged = {"1": "2"}
    run = look(office)
    assert found(run) == [(first.pk, FindingKind.MERGED)]
    assert (run.looked, run.in_chart) == (3, 3)
    [finding] = reconciliations.findings(run.pk)
    assert (finding.decision, finding.records) == ("told", [["note 1", "2"]])
    first.refresh_from_db()
    assert first.seen == Seen.SEEN
    assert reconciliations.open_findings(office.practice.pk) == 0
    assert found(look(office)) == [], "it is told once"


def test_a_copy_elsewhere_beside_a_merge_is_corrected_and_the_merged_one_is_not(office: Office) -> None:
    first, *_ = written(office)
    merge(office, "1", "2")
    office.pms.merged = {"1": "2"}
    office.pms.records.append(replace(office.pms.records[0], number=77, patient_key="3"))
    run = look(office)
    assert found(run) == [(first.pk, FindingKind.WRONG_PATIENT), (first.pk, FindingKind.MERGED)]
    wrong = ReconciliationFinding.objects.get(kind=FindingKind.WRONG_PATIENT)
    assert len(correcting.correct_finding(wrong, "mary@example.com", office.clock.now())) == 1
    made = Writeback.objects.get(corrects=first)
    assert (made.payload["correction"], made.patient_key) == ("note 77", "3")


def test_a_second_copy_under_the_one_who_stayed_is_corrected_there_and_one_stays(office: Office) -> None:
    first, *_ = written(office)
    merge(office, "1", "2")
    office.pms.merged = {"1": "2"}
    office.pms.records.append(replace(office.pms.records[0], number=77))
    assert found(look(office)) == [(first.pk, FindingKind.TWICE), (first.pk, FindingKind.MERGED)]
    twice = ReconciliationFinding.objects.get(kind=FindingKind.TWICE)
    assert len(correcting.correct_finding(twice, "mary@example.com", office.clock.now())) == 1
    made = Writeback.objects.get(corrects=first)
    assert (made.payload["correction"], made.patient_key) == ("note 77", "2")


def test_where_the_pms_does_not_tell_of_merges_nothing_is_called_wrong(office: Office) -> None:
    first, *_ = written(office)
    merge(office, "1", "2")
    office.pms.merged = None
    run = look(office)
    assert found(run) == [(first.pk, FindingKind.MAYBE_MERGED)]
    first.refresh_from_db()
    assert first.seen == Seen.SEEN, "it may well stand where it should"
    office.pms.records.append(replace(office.pms.records[0], number=78, patient_key="1"))
    assert found(look(office)) == [(first.pk, FindingKind.WRONG_PATIENT)], "a merge leaves nothing behind"


def test_once_a_person_says_that_it_is_somebody_else_it_is_missing_in_its_own_chart(office: Office) -> None:
    first, *_ = written(office)
    merge(office, "1", "2")
    office.pms.merged = None
    [finding] = reconciliations.findings(look(office).pk)
    reconcile.another_patient(finding, "mary@example.com", office.clock)
    first.refresh_from_db()
    assert (first.seen, first.reason_code) == (Seen.MISSING, "gone_since")
    reconciliations.decide([finding.pk], "mended", "mary@example.com", office.clock.now())
    assert found(look(office)) == []
    first.refresh_from_db()
    assert first.seen == Seen.MISSING


def test_a_document_that_was_ticked_off_by_hand_is_not_called_missing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def laid_ready(self: ScriptedConnector, command: Command) -> Receipt:
        return Receipt(record="folder 1", patient_key=command.patient_key, handed_over=True)

    monkeypatch.setattr(ScriptedConnector, "write", laid_ready)
    activity = office.told(ActivityKind.ACCOUNT_STATEMENT)
    ActivityFile.objects.create(
        activity=activity, name="s.pdf", media_type="application/pdf", content=b"%PDF"
    )
    with writing():
        [row] = enqueue_activity(activity, "mary@example.com")
    office.deliver()
    row.refresh_from_db()
    assert (row.delivery, row.reason_code) == (Delivery.TAKEN, "waiting_for_import")
    assert found(look(office)) == []
    assert mend.imported(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock) == 1
    row.refresh_from_db()
    assert (row.seen, row.reason_code) == (Seen.SEEN, "imported")
    run = look(office)
    assert (found(run), run.looked) == ([], 0)
    assert deliveries.shown(office.connection.pk, limit=5) == [], "the PMS itself has shown nothing"
    row.refresh_from_db()
    assert row.seen == Seen.SEEN
    assert mend.not_imported(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock) == 1
    row.refresh_from_db()
    assert (row.seen, row.reason_code, row.seen_at) == (Seen.OWED, "waiting_for_import", None)
    assert mend.not_imported(office.practice.pk, [row.pk], "mary@example.com", clock=office.clock) == 0
    assert ledger.verify(office.practice.pk).whole


@pytest.mark.parametrize("removed", [False, True])
def test_looks_at_a_pms_that_was_switched_off_or_removed_come_to_an_end(
    office: Office, removed: bool
) -> None:
    written(office)
    office.pms.records = []
    days = [NOON.date() - timedelta(days=back) for back in range(3)]
    for day in days:
        reconcile.begin(office.practice.pk, day, "chartbridge", clock=office.clock)
    if removed:
        WritebackEvent.objects.all().delete()
        office.connection.delete()
    else:
        office.change(on=False)
    go = reconcile.Reconciler(office.live, office.clock)
    for _ in range(10):
        go()
        office.clock.advance(reconcile.REST_S + 1)
    assert not Reconciliation.objects.filter(finished_at=None).exists()
    assert not Writeback.objects.filter(seen=Seen.MISSING).exists()
    errors = set(Reconciliation.objects.filter(day=NOON.date()).values_list("error", flat=True))
    assert errors == ({""} if removed else {reconcile.OFF})


def the_changes(run: Reconciliation) -> list[tuple[int, list[list[str]]]]:
    return [(each.writeback_id, each.changes) for each in reconciliations.findings(run.pk)]


def refile(office: Office, row: Writeback, **shown: str) -> None:
    [record] = [each for each in office.pms.records if each.marker == row.marker]
    assert record.filed is not None
    record.filed = replace(record.filed, **shown)


def test_what_somebody_filed_otherwise_is_changed_since_and_may_stay_until_it_is_changed_again(
    office: Office,
) -> None:
    typed, dated, both = written(office)
    refile(office, typed, type_key="236")
    refile(office, dated, at="2026-11-02T12:00:00")
    refile(office, both, medium="phone", direction="incoming")
    office.pms.records[2].text += " And another sentence by the desk."
    run = look(office)
    assert {kind for _, kind in found(run)} == {FindingKind.CHANGED}
    assert the_changes(run) == [
        (typed.pk, [["type_key", "235", "236"]]),
        (dated.pk, [["at", "2026-11-03T12:00:00", "2026-11-02T12:00:00"]]),
        (both.pk, [["text", "", ""], ["medium", "note", "phone"], ["direction", "neither", "incoming"]]),
    ]
    assert run.in_chart == 0
    ids = [each.pk for each in reconciliations.findings(run.pk)]
    reconciliations.decide(ids, "known", "mary@example.com", office.clock.now())
    assert found(look(office)) == []
    refile(office, typed, type_key="237")
    assert the_changes(look(office)) == [(typed.pk, [["type_key", "235", "237"]])]


def test_a_text_that_may_stay_is_not_found_again_because_more_is_compared_since(office: Office) -> None:
    edited, *_ = written(office)
    office.pms.records[0].text = f"Edited. {edited.marker}"
    Writeback.objects.update(filed=None)
    run = look(office)
    shown = office.pms.as_stored(office.pms.records[0].text)
    assert reconciliations.findings(run.pk)[0].shown == hashlib.sha256(shown.encode()).hexdigest()


def test_settings_that_were_changed_since_are_no_change_of_the_note(office: Office) -> None:
    written(office)
    NoteSetting.objects.update(note_type_key="236")
    office.change(provider_key="8")
    assert found(look(office)) == []


def test_what_is_written_again_under_another_type_is_compared_with_that_and_not_before_it_is_read_back(
    office: Office,
) -> None:
    first, *_ = written(office)
    office.pms.records = [r for r in office.pms.records if r.marker != first.marker]
    look(office)
    NoteSetting.objects.update(note_type_key="236")
    mend.retry(office.practice.pk, [first.pk], "mary@example.com", clock=office.clock)
    office.pms.shows, deliverer = False, office.deliverer()
    for _ in range(100):
        office.deliver(deliverer)
        office.clock.advance(1)
        first.refresh_from_db()
        if first.delivery == Delivery.TAKEN:
            break
    assert (first.delivery, first.seen, first.filed) == (Delivery.TAKEN, Seen.OWED, None)
    assert found(look(office)) == []
    office.settle(3, deliverer)
    first.refresh_from_db()
    assert first.seen == Seen.MISSING
    assert found(look(office)) == [], "the search shows it: it has come, under its new type"
    office.pms.shows = True
    first.refresh_from_db()
    assert first.seen == Seen.SEEN
    assert found(look(office)) == []


def test_what_was_missing_is_compared_only_once_it_is_seen_again(office: Office) -> None:
    """While the look is at it, somebody may send it again, and under another type."""
    first, *_ = written(office)
    kept, office.pms.records = office.pms.records, []
    look(office)
    office.pms.records = kept
    refile(office, first, type_key="236")
    assert found(look(office)) == []
    assert the_changes(look(office)) == [(first.pk, [["type_key", "235", "236"]])]


def test_what_was_found_before_it_was_sent_is_compared_with_what_was_found(office: Office) -> None:
    """As after a restored backup: another copy of this store wrote it, under the type of that time."""
    first, *_ = written(office)
    with writing():
        Writeback.objects.filter(pk=first.pk).update(delivery=Delivery.QUEUED, seen=Seen.OWED, filed=None)
        office.change(look_first_until=first.pk)
    NoteSetting.objects.update(note_type_key="236")
    office.settle()
    first.refresh_from_db()
    assert (first.seen, first.sent_type) == (Seen.SEEN, "236")
    assert office.pms.markers().count(first.marker) == 1
    assert found(look(office)) == []
    refile(office, first, type_key="236")
    assert the_changes(look(office)) == [(first.pk, [["type_key", "235", "236"]])]


@pytest.mark.parametrize("at_writing", [True, False])
def test_what_a_pms_does_not_show_is_not_compared(office: Office, at_writing: bool) -> None:
    row = office.enqueue()[0]
    office.settle()
    if at_writing:
        Writeback.objects.update(filed={"type_key": "", "medium": "", "direction": "", "at": ""})
        refile(office, row, type_key="236", medium="text", direction="incoming", at="2020-02-29T10:15:00")
    else:
        refile(office, row, type_key="", medium="", direction="", at="")
    assert found(look(office)) == []


@pytest.mark.parametrize(
    ("now", "same"),
    [
        ("2026-11-03T12:00:59", True),
        ("2026-11-03T11:59:01", True),
        ("2026-11-03T12:01:00", False),
        ("2026-11-03T11:00:00", False),
        ("2026-11-03T00:00:00", True),
        ("2026-11-02T00:00:00", False),
    ],
)
def test_seconds_and_a_day_without_a_time_are_the_same_time(office: Office, now: str, same: bool) -> None:
    row = office.enqueue()[0]
    office.settle()
    refile(office, row, at=now)
    assert (found(look(office)) == []) == same


def test_of_two_copies_one_that_stands_as_it_was_written_is_enough(office: Office) -> None:
    copied, *_ = written(office)
    office.pms.records.append(replace(office.pms.records[0], number=77))
    [first, _] = [each for each in office.pms.records if each.marker == copied.marker]
    assert first.filed is not None
    first.filed = replace(first.filed, type_key="236")
    assert found(look(office)) == [(copied.pk, FindingKind.TWICE)]


def test_what_a_hub_of_an_earlier_version_beside_this_one_finds_is_kept(office: Office) -> None:
    """On one PostgreSQL, while one after the other is brought up to date: it knows no `changes`."""
    row = office.enqueue()[0]
    run = reconcile.begin(office.practice.pk, NOON.date(), "mary@example.com", clock=office.clock)
    with writing(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO store_reconciliationfinding"
            " (run_id, writeback_id, kind, records, shown, decision, decided_by)"
            " VALUES (%s, %s, 'changed', '[]', '', '', '')",
            [run.pk, row.pk],
        )
    assert the_changes(run) == [(row.pk, [])]
