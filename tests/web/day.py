"""A practice with a day in it, written straight into the store: for the tests of the working pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.charts import LookupKind
from chartbridge.flow.mapping import default_mappings
from chartbridge.pms.reading import Stream
from chartbridge.store.mirror_rows import digits_of, searchable
from chartbridge.store.models import (
    Activity,
    Connection,
    Delivery,
    DocumentSetting,
    LookupEntry,
    MirrorAppointment,
    MirrorDocument,
    MirrorPatient,
    NoteSetting,
    Practice,
    Seen,
    StreamState,
    Writeback,
)

STATUSES = [
    ("19", "Not Called", ["unconfirmed"]),
    ("21", "Confirmed", ["confirmed"]),
    ("22", "Arrived", ["arrived"]),
    ("25", "In Treatment Room", ["seated"]),
    ("246", "Front Desk", ["dismissed"]),
    ("20", "Left Msg", []),
]
PROVIDERS = [("1", "DOC1", "Dr. Hannah Albert", "#3aa0ff"), ("2", "HYG1", "Tina Brush", "#d65fb1")]
PEOPLE = [
    ("11", "Garcia", "Sofía", "Sofi", date(1988, 5, 3), "(555) 010-1111", "11"),
    ("12", "Garcia", "Mateo", "", date(2016, 9, 20), "(555) 010-1111", "11"),
    ("13", "O'Brien", "Fiona", "", date(1950, 12, 31), "(555) 010-1313", "13"),
    ("14", "李", "小龙", "Bruce", date(1972, 11, 27), "(555) 010-1414", "14"),
    ("15", "Van der Berg-Montgomery", "Maximiliana", "", date(1999, 2, 28), "(555) 010-1515", "15"),
    ("16", "Nguyen", "Linh", "", date(1979, 7, 7), "(555) 010-1616", "16"),
    ("17", "Smith", "John", "Jack", date(1945, 1, 1), "(555) 010-1717", "17"),
    ("18", "Kowalski", "Ewa", "", None, "", "18"),
    ("19", "Smith", "Joan", "", date(1947, 6, 6), "(555) 010-1717", "19"),
]


@dataclass(frozen=True, kw_only=True)
class Day:
    """What was filled in, and the practice's wall time of it."""

    practice: Practice
    connection: Connection
    now_local: datetime

    def visit(self, key: str) -> MirrorAppointment:
        return MirrorAppointment.objects.get(connection=self.connection, key=key)


def a_day(practice: Practice) -> Day:
    """Fill `practice` with patients, today's visits and the PMS's lists. Its day is always around noon."""
    now = timezone.now()
    practice.time_zone = _zone_where_it_is_noon(now)
    practice.save()
    now_local = now.astimezone(ZoneInfo(practice.time_zone)).replace(tzinfo=None, microsecond=0)
    connection = Connection.objects.create(
        practice=practice,
        connector="open_dental",
        provider_key="1",
        connected_at=now,
        identity={
            "vendor": "Open Dental",
            "version": "24.3.10",
            "practice_name": "Maple Street",
            "zone": "UTC",
        },
    )
    _lists(connection)
    default_mappings(connection.pk)
    _streams(connection, now)
    for person in PEOPLE:
        a_patient(connection, *person)
    _visits(connection, now_local)
    for kind in (ActivityKind.OUTGOING_TEXT, ActivityKind.INCOMING_TEXT, ActivityKind.PATIENT_NOTE):
        NoteSetting.objects.create(connection=connection, kind=kind, allow=True, note_type_key="71")
    DocumentSetting.objects.create(
        connection=connection,
        kind=ActivityKind.ACCOUNT_STATEMENT,
        read=True,
        write=True,
        document_type_key="137",
    )
    return Day(practice=practice, connection=connection, now_local=now_local)


def a_patient(
    connection: Connection,
    key: str,
    last: str,
    first: str,
    preferred: str = "",
    born: date | None = None,
    phone: str = "",
    guarantor: str = "",
    **more: object,
) -> MirrorPatient:
    digits = digits_of(phone) if phone else ""
    return MirrorPatient.objects.create(
        **{
            "connection": connection,
            "key": key,
            "last_name": last,
            "first_name": first,
            "preferred": preferred,
            "status": "active",
            "birthdate": born,
            "mobile_phone": phone,
            "mobile_digits": digits,
            "guarantor_key": guarantor,
            "search": f"{searchable(f'{last} {first} {preferred}')} {digits}",
            "content_hash": b"x",
            **more,
        }
    )


def a_visit(
    connection: Connection, key: str, patient: str, starts: datetime, **more: object
) -> MirrorAppointment:
    return MirrorAppointment.objects.create(
        **{
            "connection": connection,
            "key": key,
            "patient_key": patient,
            "starts_local": starts,
            "minutes": 40,
            "state": "scheduled",
            "status_key": "19",
            "provider_key": "1",
            "operatory_key": "1",
            "content_hash": b"x",
            **more,
        }
    )


def an_activity(
    day: Day, patient: str, kind: ActivityKind, body: str, minutes_ago: int = 5, **more: object
) -> Activity:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    return Activity.objects.create(
        **{
            "practice": day.practice,
            "kind": kind,
            "patient_key": patient,
            "occurred_at": at,
            "accepted_at": at,
            "body": body,
            "source": "api:1",
            **more,
        }
    )


def a_writeback(
    day: Day, activity: Activity, delivery: Delivery, seen: Seen = Seen.OWED, **more: object
) -> Writeback:
    return Writeback.objects.create(
        **{
            "practice": day.practice,
            "connection": day.connection,
            "activity": activity,
            "kind": activity.kind,
            "command": "add_note",
            "patient_key": activity.patient_key,
            "text": activity.body,
            "delivery": delivery,
            "seen": seen,
            "created_at": activity.accepted_at,
            "due_at": activity.accepted_at,
            **more,
        }
    )


def a_status_wish(day: Day, appointment: str, status: str, delivery: Delivery, **more: object) -> Writeback:
    visit, now = day.visit(appointment), timezone.now()
    return Writeback.objects.create(
        **{
            "practice": day.practice,
            "connection": day.connection,
            "kind": "appointment_status",
            "command": "set_appointment_status",
            "patient_key": visit.patient_key,
            "payload": {
                "appointment_key": appointment,
                "status_key": status,
                "expected_key": visit.status_key,
            },
            "delivery": delivery,
            "created_at": now,
            "due_at": now,
            **more,
        }
    )


def a_document(day: Day, key: str, patient: str, name: str, type_key: str = "137") -> MirrorDocument:
    return MirrorDocument.objects.create(
        connection=day.connection,
        key=key,
        patient_key=patient,
        name=name,
        type_key=type_key,
        created_local=day.now_local - timedelta(days=40),
        media_type="application/pdf",
        ref=f"doc:{key}",
        content_hash=b"x",
    )


def _zone_where_it_is_noon(now: datetime) -> str:
    """A zone in which `now` is about midday, so that the day's visits don't fall over midnight."""
    ahead = (12 - now.hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def _lists(connection: Connection) -> None:
    for order, (key, name, meaning) in enumerate(STATUSES):
        _entry(connection, LookupKind.APPOINTMENT_STATUSES, key, name, order=order, meaning=meaning)
    for key, short, name, colour in PROVIDERS:
        _entry(connection, LookupKind.PROVIDERS, key, name, short=short, colour=colour)
    for number in range(1, 5):
        _entry(connection, LookupKind.OPERATORIES, str(number), f"Operatory {number}", short=f"OP{number}")
    _entry(connection, LookupKind.NOTE_TYPES, "71", "Misc")
    _entry(connection, LookupKind.DOCUMENT_TYPES, "137", "Statements")


def _entry(connection: Connection, kind: LookupKind, key: str, name: str, **more: object) -> None:
    LookupEntry.objects.create(connection=connection, kind=kind, key=key, name=name, **more)


def _streams(connection: Connection, now: datetime) -> None:
    for stream, interval in (
        (Stream.APPOINTMENT_STATUS, 15),
        (Stream.APPOINTMENTS, 60),
        (Stream.PATIENTS, 30),
    ):
        StreamState.objects.create(
            connection=connection,
            stream=stream,
            interval_s=interval,
            last_check_at=now - timedelta(seconds=4),
            last_success_at=now - timedelta(seconds=4),
            first_read_done_at=now - timedelta(hours=2),
            lag_p50_ms=interval * 500,
            lag_p95_ms=interval * 960,
            checks=480,
        )


def _visits(connection: Connection, now: datetime) -> None:
    def at(minutes: int) -> datetime:
        return now + timedelta(minutes=minutes)

    a_visit(connection, "101", "11", at(20), reason="Exam, two bitewings", status_key="21")
    a_visit(connection, "102", "12", at(35), is_new_patient=True, provider_key="2", operatory_key="2")
    a_visit(connection, "103", "13", at(-15), reason="Crown prep #14")
    a_visit(connection, "104", "14", at(-5), status_key="22", arrived_local=at(-18), provider_key="2")
    a_visit(connection, "105", "15", at(-40), status_key="25", arrived_local=at(-50), seated_local=at(-35))
    a_visit(connection, "106", "16", at(-60), status_key="246", dismissed_local=at(-6), operatory_key="3")
    a_visit(connection, "107", "17", at(-120), state="complete", status_key="246")
    a_visit(connection, "108", "18", at(150), status_key="20")
    a_visit(connection, "109", "19", at(-30), state="broken")
