"""What the API answers, field by field: what is not named here never leaves.

Must not be in it: queries.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from ninja import Schema

from chartbridge.store.models import Activity, Delivery, MirrorAppointment, MirrorPatient, Seen, Writeback


class WritebackOut(Schema):
    """One write on its way into the chart. With `seen` = `seen`, `record` and `seen_at` are its receipt."""

    id: int
    activity_id: int | None
    kind: str
    patient_key: str
    part: int
    parts: int
    delivery: str
    seen: str
    attempts: int
    marker: str
    record: str
    recorded_at: datetime | None
    created_at: datetime
    taken_at: datetime | None
    seen_at: datetime | None
    reason_code: str
    reason: str
    pms_reason: str


class ActivityOut(Schema):
    """An accepted activity and where it stands.

    `state`: `in_chart` (written and read back), `taken` (written, not yet read back), `waiting`, `looking`,
    `held`, `needs_attention`, `missing`, `skipped`, or `kept` where nothing is to be written.
    """

    id: int
    kind: str
    patient_key: str
    occurred_at: datetime
    accepted_at: datetime
    state: str
    reason: str
    duplicate: bool = False
    writebacks: list[WritebackOut]


class ActivityDetail(ActivityOut):
    """An activity with its words."""

    subject: str
    body: str
    is_html: bool
    phone: str
    email: str
    author: str
    written_by_ai: bool
    verified_on: date | None


class PatientOut(Schema):
    """A patient as the PMS has them."""

    key: str
    first_name: str
    last_name: str
    middle: str
    preferred: str
    status: str
    birthdate: date | None
    mobile_phone: str
    home_phone: str
    work_phone: str
    email: str
    guarantor_key: str
    provider_key: str
    text_ok: bool | None
    has_photo: bool


class AppointmentOut(Schema):
    """An appointment in the PMS's own wall time. `flow_status` is its column on the board, or null."""

    key: str
    patient_key: str
    starts_local: datetime
    minutes: int
    state: str
    state_raw: str
    status_key: str
    flow_status: str | None
    operatory_key: str
    provider_key: str
    hygienist_key: str
    is_new_patient: bool
    reason: str
    arrived_local: datetime | None
    seated_local: datetime | None
    dismissed_local: datetime | None


class SightingOut(Schema):
    """A state in which an appointment was seen; `at_local` is when it changed, where the PMS says so."""

    state: str
    status_key: str
    at_local: datetime | None
    stored_at: datetime


class AppointmentDetail(AppointmentOut):
    """An appointment with every state that it was seen in, the first first."""

    history: list[SightingOut]


class LookupOut(Schema):
    """An entry of a list that the PMS owns."""

    key: str
    name: str
    short: str
    active: bool
    meaning: list[str]
    colour: str


_STATES = {
    Delivery.REFUSED: "needs_attention",
    Delivery.PARKED: "needs_attention",
    Delivery.HELD: "held",
    Delivery.UNCERTAIN: "looking",
    Delivery.SENDING: "waiting",
    Delivery.QUEUED: "waiting",
    Delivery.SKIPPED: "skipped",
    Delivery.RETRACTED: "kept",
}
_WORST_FIRST = (
    "needs_attention",
    "missing",
    "held",
    "looking",
    "waiting",
    "taken",
    "skipped",
    "in_chart",
    "kept",
)


def state_of(writebacks: Iterable[Writeback]) -> str:
    """Return the one word for an activity: that of the part which most needs somebody."""
    states = {_state(w) for w in writebacks}
    return next((s for s in _WORST_FIRST if s in states), "kept")


def _state(writeback: Writeback) -> str:
    if writeback.delivery == Delivery.TAKEN:
        return {Seen.SEEN: "in_chart", Seen.MISSING: "missing"}.get(Seen(writeback.seen), "taken")
    return _STATES[Delivery(writeback.delivery)]


def writeback_out(row: Writeback) -> WritebackOut:
    """Return a writeback's answer."""
    return WritebackOut(**{name: getattr(row, name) for name in WritebackOut.model_fields})


def activity_out(row: Activity, writebacks: list[Writeback], *, duplicate: bool = False) -> ActivityOut:
    """Return an activity's answer without its words."""
    return ActivityOut(
        id=row.pk,
        kind=row.kind,
        patient_key=row.patient_key,
        occurred_at=row.occurred_at,
        accepted_at=row.accepted_at,
        state=state_of(writebacks),
        reason=next((w.reason for w in writebacks if w.reason), ""),
        duplicate=duplicate,
        writebacks=[writeback_out(w) for w in writebacks],
    )


def activity_detail(row: Activity) -> ActivityDetail:
    """Return an activity's answer with its words; its writebacks must be prefetched."""
    short = activity_out(row, sorted(row.writebacks.all(), key=lambda w: w.pk))
    words = {
        name: getattr(row, name) for name in ActivityDetail.model_fields.keys() - ActivityOut.model_fields
    }
    return ActivityDetail(**{**short.__dict__, **words})


def patient_out(row: MirrorPatient) -> PatientOut:
    """Return a patient's answer."""
    fields = {name: getattr(row, name) for name in PatientOut.model_fields if name != "has_photo"}
    return PatientOut(**fields, has_photo=bool(row.photo_key))


def appointment_fields(row: MirrorAppointment, flow_status: str | None) -> dict[str, object]:
    """Return what an appointment's answers are made of."""
    names = AppointmentOut.model_fields.keys() - {"flow_status"}
    return {**{name: getattr(row, name) for name in names}, "flow_status": flow_status}
