"""Looking into the mirror, and what odd records leave there."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.charts import Document, Photo
from chartbridge.domain.people import Patient, PatientStatus
from chartbridge.domain.schedule import Appointment, BookingState, StatusSeen
from chartbridge.pms.reading import Page, Record, Stream
from chartbridge.store import mirror
from chartbridge.store.database import writing
from chartbridge.store.mirror_rows import digits_of, searchable
from chartbridge.store.models import (
    Connection,
    DocumentSetting,
    MirrorAppointment,
    MirrorPatient,
    Practice,
    StatusSighting,
)

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@pytest.fixture
def pk() -> int:
    practice = Practice.objects.create(name="Smile")
    return Connection.objects.create(practice=practice, connector="open_dental").pk


def patient(key: str, last: str, first: str = "Ann", **rest: object) -> Patient:
    given: dict[str, object] = {"status": PatientStatus.ACTIVE}
    return Patient(key=key, last_name=last, first_name=first, **(given | rest))  # type: ignore[arg-type]


def appointment(key: str, starts: datetime, **rest: object) -> Appointment:
    given: dict[str, object] = {"patient_key": "1", "minutes": 30, "state": BookingState.SCHEDULED}
    return Appointment(key=key, starts_local=starts, **(given | rest))  # type: ignore[arg-type]


def local(wall_time: str) -> datetime:
    return datetime.fromisoformat(wall_time)


def put(pk: int, stream: Stream, *records: Record, generation: int = 0) -> dict[str, list[str]]:
    with writing():
        page = Page(records=records, cursor="x")
        return mirror.apply_page(pk, stream, page, generation=generation, now=NOW).changed


def test_only_what_really_changed_is_told(pk: int) -> None:
    one, two = patient("1", "Miller"), patient("2", "Smith")
    assert put(pk, Stream.PATIENTS, one, two) == {"patients": ["1", "2"]}
    assert put(pk, Stream.PATIENTS, one, patient("2", "Smith", text_ok=False)) == {"patients": ["2"]}
    assert put(pk, Stream.PATIENTS, one, patient("2", "Smith", text_ok=None)) == {"patients": ["2"]}
    assert put(pk, Stream.PATIENTS, one, two) == {}


def test_of_the_same_key_twice_on_a_page_the_later_counts(pk: int) -> None:
    put(pk, Stream.PATIENTS, patient("1", "Miller"), patient("1", "Smith"))
    assert MirrorPatient.objects.get().last_name == "Smith"


def test_two_practices_with_the_same_numbers_do_not_meet(pk: int) -> None:
    other = Connection.objects.create(
        practice=Practice.objects.create(name="Grin"), connector="open_dental"
    ).pk
    put(pk, Stream.PATIENTS, patient("1", "Miller", mobile_phone="503-555-0100"))
    put(other, Stream.PATIENTS, patient("1", "Smith", mobile_phone="503-555-0100"))
    assert [p.last_name for p in mirror.patients_by_phone(pk, "+15035550100")] == ["Miller"]
    assert [p.last_name for p in mirror.search_patients(other, "5035550100")] == ["Smith"]
    assert mirror.patient(pk, "1") != mirror.patient(other, "1")


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("(503) 555-0100", "5035550100"),
        ("+1 503 555 0100", "5035550100"),
        ("15035550100", "5035550100"),
        ("503.555.0100 x12", "5035550100"),
        ("503-555-0100 ext. 4", "5035550100"),
        ("555-0100", "5550100"),
        ("+49 30 901820", "4930901820"),
        ("none", ""),
        ("", ""),
        ("٥٠٣", ""),
    ],
)
def test_a_phone_number_is_compared_by_its_digits(written: str, digits: str) -> None:
    assert digits_of(written) == digits


def test_everybody_with_a_number_is_found_mobile_first(pk: int) -> None:
    put(
        pk,
        Stream.PATIENTS,
        patient("1", "Miller", "Zed", home_phone="(503)555-0100"),
        patient("2", "Miller", "Ann", mobile_phone="503-555-0100", home_phone="503-555-0100"),
        patient("3", "Smith", work_phone="1-503-555-0100"),
        patient("4", "Smith", mobile_phone="503-555-0101"),
    )
    assert [p.key for p in mirror.patients_by_phone(pk, "+15035550100")] == ["2", "1", "3"]
    assert mirror.patients_by_phone(pk, "garbage") == []


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("mil", ["2", "1"]),
        ("MILLER, zed", ["1"]),
        ("ann", ["2", "5"]),
        ("obrien", ["3"]),
        ("O'Brien", ["3"]),
        ("munoz", ["4"]),
        ("Muñoz", ["4"]),
        ("李", ["5"]),
        ("(503) 555-0100", ["2"]),
        ("0100", ["2"]),
        ("4", ["4"]),
        ("mil%", []),
        ("_", []),
        ("  ", []),
    ],
)
def test_patients_are_found_by_what_people_type(pk: int, typed: str, keys: list[str]) -> None:
    put(
        pk,
        Stream.PATIENTS,
        patient("1", "Miller", "Zed"),
        patient("2", "Miller", "Ann", mobile_phone="503-555-0100"),
        patient("3", "O'Brien", "Pat"),
        patient("4", "Muñoz", "Pat"),
        patient("5", "李", "Anne"),
    )
    assert [p.key for p in mirror.search_patients(pk, typed)] == keys


def test_a_last_name_that_begins_so_comes_before_one_that_contains_it(pk: int) -> None:
    put(pk, Stream.PATIENTS, patient("1", "Goldsmith"), patient("2", "Smith"))
    assert [p.key for p in mirror.search_patients(pk, "smith")] == ["2", "1"]
    assert [p.key for p in mirror.search_patients(pk, "smith", limit=1)] == ["2"]


def test_who_is_gone_is_known_by_number_and_not_found_by_name(pk: int) -> None:
    put(pk, Stream.PATIENTS, patient("1", "Miller"))
    MirrorPatient.objects.update(gone_at=NOW)
    assert mirror.search_patients(pk, "miller") == []
    known = mirror.patient(pk, "1")
    assert known is not None
    assert known.gone_at == NOW


def test_a_family_shows_its_guarantor_first(pk: int) -> None:
    put(
        pk,
        Stream.PATIENTS,
        *(patient(k, "Miller", n, guarantor_key="3") for k, n in (("1", "Ann"), ("2", "Bob"), ("3", "Zoe"))),
    )
    assert [p.key for p in mirror.family_of(pk, "1")] == ["3", "2"]
    assert mirror.family_of(pk, "99") == []


def test_a_day_shows_its_appointments_by_time_also_of_patients_not_read_yet(pk: int) -> None:
    put(
        pk,
        Stream.APPOINTMENTS,
        appointment("a", local("2026-11-23 23:59"), patient_key="77"),
        appointment("b", local("2026-11-23 00:00")),
        appointment("c", local("2026-11-24 00:00")),
        appointment("d", local("2026-11-22 23:59")),
    )
    assert [a.key for a in mirror.appointments_of_day(pk, date(2026, 11, 23))] == ["b", "a"]
    assert [a.key for a in mirror.appointments_of_patient(pk, "1")] == ["c", "b", "d"]


def test_wall_times_stay_as_the_pms_shows_them(pk: int) -> None:
    night = local("2026-11-01 01:30")  # happens twice that night in the United States
    put(
        pk, Stream.APPOINTMENTS, appointment("a", night, arrived_local=night.replace(second=5, microsecond=9))
    )
    row = MirrorAppointment.objects.get()
    assert row.starts_local == night
    assert row.arrived_local == night.replace(second=5)
    assert put(pk, Stream.APPOINTMENTS, appointment("a", night, arrived_local=night.replace(second=5))) == {}


def test_a_sighting_changes_only_the_status_and_leaves_the_hash_right(pk: int) -> None:
    whole = appointment("a", local("2026-11-23 09:00"), status_key="19", is_new_patient=True, reason="Exam")
    put(pk, Stream.APPOINTMENTS, whole)
    arrived = local("2026-11-23 08:55")
    sighting = StatusSeen(
        key="a",
        seen_key="h1",
        patient_key="1",
        state=BookingState.SCHEDULED,
        status_key="20",
        arrived_local=arrived,
    )
    missing = StatusSeen(key="zz", seen_key="h2", patient_key="1", state=BookingState.BROKEN)
    assert put(pk, Stream.APPOINTMENT_STATUS, sighting, missing) == {"appointments": ["a"]}
    row = MirrorAppointment.objects.get()
    assert (row.status_key, row.arrived_local, row.reason, row.is_new_patient) == (
        "20",
        arrived,
        "Exam",
        True,
    )
    assert put(pk, Stream.APPOINTMENT_STATUS, sighting, missing) == {}
    same = appointment(
        "a",
        local("2026-11-23 09:00"),
        status_key="20",
        is_new_patient=True,
        reason="Exam",
        arrived_local=arrived,
    )
    assert put(pk, Stream.APPOINTMENTS, same) == {}
    assert StatusSighting.objects.count() == 2


def test_odd_text_is_kept_within_what_columns_hold(pk: int) -> None:
    odd = patient("1", "x" * 300, "\x00Zoë 😀 李", email="e" * 500)
    put(pk, Stream.PATIENTS, odd)
    row = MirrorPatient.objects.get()
    assert row.last_name == "x" * 100
    assert "Zoë 😀 李" in row.first_name
    assert put(pk, Stream.PATIENTS, odd) == {}


def test_keys_beyond_what_a_float_can_hold_stay_exact(pk: int) -> None:
    key = str(2**63 - 1)
    put(pk, Stream.PATIENTS, patient(key, "Miller"))
    assert mirror.patient(pk, key) is not None
    assert mirror.patient(pk, str(2**63 - 2)) is None


def test_documents_are_shown_of_the_types_ticked_for_reading(pk: int) -> None:
    put(
        pk,
        Stream.DOCUMENTS,
        Document(
            key="1", patient_key="9", name="Statement", type_key="5", created_local=local("2026-01-02 00:00")
        ),
        Document(
            key="2", patient_key="9", name="Statement", type_key="5", created_local=local("2026-03-02 00:00")
        ),
        Document(key="3", patient_key="9", name="X-ray", type_key="6"),
    )
    assert mirror.documents_of_patient(pk, "9") == []
    DocumentSetting.objects.create(
        connection_id=pk, kind=ActivityKind.ACCOUNT_STATEMENT.value, read=True, document_type_key="5"
    )
    assert [d.key for d in mirror.documents_of_patient(pk, "9")] == ["2", "1"]
    assert mirror.document(pk, "3") is None
    assert mirror.document(pk, "1") is not None


def test_the_newest_photo_is_shown_and_the_one_before_when_it_goes(pk: int) -> None:
    put(pk, Stream.PATIENTS, patient("1", "Miller"))
    told = put(
        pk,
        Stream.PHOTOS,
        Photo(key="p1", patient_key="1", ref="a"),
        Photo(key="p2", patient_key="1", ref="b"),
    )
    assert told == {"patients": ["1"]}
    assert MirrorPatient.objects.get().photo_ref == "b"
    put(pk, Stream.PATIENTS, patient("1", "Smith"))
    assert MirrorPatient.objects.get().photo_ref == "b"
    from chartbridge.store.mirror_pages import mark_gone

    assert mark_gone(pk, Stream.PHOTOS, ["p2"], NOW) == ["1"]
    assert MirrorPatient.objects.get().photo_ref == "a"


def test_a_page_of_2000_rows_and_more_is_stored_in_one_go(pk: int) -> None:
    put(pk, Stream.PATIENTS, *(patient(str(n), "Miller") for n in range(2500)), generation=1)
    put(pk, Stream.PATIENTS, *(patient(str(n), "Miller") for n in range(2500)), generation=2)
    assert MirrorPatient.objects.filter(generation=2).count() == 2500


def test_search_text_is_without_accents_and_apostrophes() -> None:
    assert searchable("Zoë O’Brien-D'Arcy") == "zoe obrien-darcy"
