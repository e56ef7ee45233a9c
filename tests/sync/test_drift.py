"""The drift watch: what changes in the PMS is kept, told where it matters, and stops only what depends on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from chartbridge.domain.charts import LookupItem, LookupKind
from chartbridge.pms.reading import Stream
from chartbridge.store import observations
from chartbridge.store.models import AuditEntry, Connection, NoteSetting, Observation, StatusMapping
from chartbridge.sync.buttons import go_on_without
from tests.sync.conftest import Office, patient

NOTES, STATUSES = LookupKind.NOTE_TYPES, LookupKind.APPOINTMENT_STATUSES
SHAPE = {
    "patients": {"patient.PatNum": "bigint(20)", "patient.Email": "varchar(100)"},
    "appointments": {"appointment.AptNum": "bigint(20)", "appointment.Op": "bigint(20)"},
}


def note_type(key: str, name: str, **rest: object) -> LookupItem:
    return LookupItem(kind=NOTES, key=key, name=name, **rest)  # type: ignore[arg-type]


def look(office: Office) -> list[tuple[str, str, list[str], bool]]:
    """Let the lists be read; return what was kept of it, the latest last."""
    office.clock.advance(301)
    office.check(Stream.LOOKUPS)
    rows = Observation.objects.order_by("id")
    return [(row.event, row.before or row.after, row.paused, row.told) for row in rows]


def with_lists(office: Office) -> None:
    office.pms.lists[NOTES] = [note_type(str(n), name) for n, name in enumerate(("Misc", "Text", "Unused"))]
    office.pms.lists[STATUSES] = [LookupItem(kind=STATUSES, key="21", name="Arrived")]
    NoteSetting.objects.create(
        connection=office.connection, kind="patient_note", allow=True, note_type_key="0"
    )
    NoteSetting.objects.create(
        connection=office.connection, kind="outgoing_text", allow=True, note_type_key="1"
    )
    StatusMapping.objects.create(
        connection=office.connection, status_key="21", flow_status="checked_in", writes=True
    )
    assert look(office) == [], "the first time nothing has changed"


def test_a_renamed_note_type_that_is_in_use_is_told_and_nothing_waits(office: Office) -> None:
    with_lists(office)
    office.pms.lists[NOTES][0] = note_type("0", "Miscellaneous")
    assert look(office) == [("renamed", "Misc", [], True)]
    assert [each.after for each in observations.standing(office.pk)] == ["Miscellaneous"]
    assert len(look(office)) == 1, "it is told once"


def test_a_vanished_note_type_stops_only_the_kinds_that_use_it(office: Office) -> None:
    with_lists(office)
    del office.pms.lists[NOTES][1]
    assert look(office) == [("gone", "Text", ["outgoing_text"], True)]


def test_a_hidden_provider_stops_what_is_written_under_it_though_it_was_chosen_a_moment_ago(
    office: Office,
) -> None:
    providers = LookupKind.PROVIDERS
    office.pms.lists[providers] = [LookupItem(kind=providers, key="7", name="Brian Albert", short="DOC1")]
    with_lists(office)
    Connection.objects.filter(pk=office.pk).update(provider_key="7")
    office.pms.lists[providers] = [
        LookupItem(kind=providers, key="7", name="Brian Albert", short="DOC1", active=False)
    ]
    [(event, name, paused, told)] = look(office)
    assert (event, name, told) == ("hidden", "DOC1", True)
    assert sorted(paused) == ["outgoing_text", "patient_note"]


def test_what_nobody_uses_is_history(office: Office) -> None:
    with_lists(office)
    office.pms.lists[NOTES][2] = note_type("2", "Unused", active=False)
    assert look(office) == [("hidden", "Unused", [], False)]
    assert observations.standing(office.pk) == []
    assert len(observations.history(office.pk)) == 1


def test_an_entry_that_comes_back_ends_what_was_told_of_it(office: Office) -> None:
    with_lists(office)
    gone = office.pms.lists[NOTES].pop(1)
    look(office)
    office.pms.lists[NOTES].append(gone)
    assert look(office)[-1][0] == "back"
    assert observations.standing(office.pk) == []


def test_a_new_status_is_told_and_a_vanished_one_stops_the_moves_that_set_it(office: Office) -> None:
    with_lists(office)
    office.pms.lists[STATUSES] = [LookupItem(kind=STATUSES, key="30", name="Waiting Room")]
    assert sorted(look(office)) == [
        ("added", "Waiting Room", [], True),
        ("gone", "Arrived", ["appointment_status"], True),
    ]
    assert not StatusMapping.objects.filter(status_key="30").exists(), "nobody guesses its column"


def test_a_new_version_is_told_once(office: Office) -> None:
    look(office)
    office.pms.identity = replace(office.pms.identity, version="2.0")
    assert look(office) == [("changed", "1", [], True)]
    office.restart()
    assert len(look(office)) == 1
    office.pms.identity = replace(office.pms.identity, version="1.9")
    assert look(office)[-1][0] == "older"


def test_a_lost_column_stops_what_reads_it_until_somebody_goes_on_without_it(office: Office) -> None:
    office.pms.identity = replace(office.pms.identity, reads=SHAPE)
    assert look(office) == []
    lacking = SHAPE | {"patients": {"patient.PatNum": "bigint(20)", "patient.Email": ""}}
    office.pms.identity = replace(office.pms.identity, reads=lacking)
    assert look(office) == [("lost", "patient.Email", ["patients"], True)]
    office.pms.put(Stream.PATIENTS, patient("1"))
    office.clock.advance(31)
    assert office.check(Stream.PATIENTS).error_code == "unreadable"
    assert "Health page" in office.state(Stream.PATIENTS).error
    assert office.check(Stream.APPOINTMENTS).error_code == "", "everything else goes on"
    assert office.patients() == {}

    (told,) = observations.standing(office.pk)
    now = office.clock.now()
    assert go_on_without(office.connection.practice_id, told.pk, "mary@example.com", now)
    assert not go_on_without(office.connection.practice_id, told.pk, "tom@example.com", now)
    office.clock.advance(4)
    office.settle(Stream.PATIENTS)
    assert list(office.patients()) == ["1"]
    row = Observation.objects.get()
    assert (row.put_away_by, row.put_away_at) == ("mary@example.com", now)
    assert AuditEntry.objects.get().what == "drift.put_away"


def test_a_column_that_comes_back_lets_reading_go_on_by_itself(office: Office) -> None:
    office.pms.identity = replace(office.pms.identity, reads=SHAPE)
    look(office)
    office.pms.identity = replace(
        office.pms.identity, reads=SHAPE | {"patients": {"patient.PatNum": "bigint"}}
    )
    look(office)
    office.pms.identity = replace(office.pms.identity, reads=SHAPE)
    look(office)
    office.pms.put(Stream.PATIENTS, patient("1"))
    office.clock.advance(600)
    office.settle(Stream.PATIENTS)
    assert list(office.patients()) == ["1"]


def test_a_wider_or_new_column_stops_nothing(office: Office) -> None:
    office.pms.identity = replace(office.pms.identity, reads=SHAPE)
    look(office)
    wider = {"patient.PatNum": "bigint(20)", "patient.Email": "text", "patient.Title": "varchar(15)"}
    office.pms.identity = replace(office.pms.identity, reads=SHAPE | {"patients": wider})
    assert sorted(look(office)) == [
        ("added", "patient.Title", [], False),
        ("changed", "patient.Email varchar(100)", [], False),
    ]
    assert observations.paused(office.pk) == frozenset()


def test_an_update_in_progress_stops_everything_and_ends_by_itself(office: Office) -> None:
    office.pms.put(Stream.PATIENTS, patient("1"))
    office.settle(Stream.PATIENTS)
    office.checker.flush()
    before = office.pms.identity
    office.pms.identity = replace(before, busy="Fake PMS is being updated.")
    office.clock.advance(601)
    for stream in Stream:
        office.check(stream)
    assert Connection.objects.get().hold == "Fake PMS is being updated."
    office.pms.identity = replace(before, version="2.0")
    office.clock.advance(31)
    office.check(Stream.APPOINTMENT_STATUS)
    assert Connection.objects.get().hold == ""
    events = list(Observation.objects.order_by("id").values_list("what", "event"))
    assert events[0] == ("update", "began")
    assert sorted(events[1:]) == [("update", "ended"), ("version", "changed")]
    assert office.clock.now() - Observation.objects.latest("id").at < timedelta(minutes=1)
