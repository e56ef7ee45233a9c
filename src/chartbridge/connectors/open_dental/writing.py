"""Carrying out commands: through the API only, each once. Open Dental forbids writes to its database.

Must not be in it: repeating, looking whether an earlier attempt landed (looking).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chartbridge.connectors.open_dental.client import NO_API, NotThere, OpenDentalApi, rows_of
from chartbridge.connectors.open_dental.codec import Texts
from chartbridge.connectors.open_dental.codec_lists import DOCUMENT_FIELDS
from chartbridge.connectors.open_dental.codec_write import (
    answer_row,
    document_body,
    document_receipt,
    later_day,
    note_body,
    note_receipt,
    verification_bodies,
    whole,
)
from chartbridge.connectors.open_dental.database import Database
from chartbridge.connectors.open_dental.statements import COMMLOG_FIELDS
from chartbridge.connectors.open_dental.words import VERSION_NEEDED
from chartbridge.connectors.open_dental.written import Written
from chartbridge.pms.commands import (
    AddDocument,
    AddNote,
    Command,
    MarkInsuranceVerified,
    Receipt,
    SetAppointmentStatus,
)
from chartbridge.pms.errors import Conflict, PmsError, Refused, Unauthorised, Unavailable, Uncertain

_GONE = "This appointment is no longer in Open Dental."
_OTHER = "This appointment now belongs to another patient in Open Dental."
_LATER = (
    "Open Dental shows that this insurance was verified again on a later day, so the older verification is not written "
    "over it. If it belongs into the history, enter it there by hand; then dismiss this."
)
_VERIFY_FIELDS = ("InsVerifyNum", "DateLastVerified", "Note", "SecDateTEdit")


class Writer:
    """Writes for one office. `database` is there where it is read: it converts times exactly."""

    def __init__(self, api: OpenDentalApi, database: Database | None) -> None:
        self._api, self._db, self.written = api, database, Written(api.server_local)

    def write(self, command: Command) -> Receipt:
        """Carry it out once."""
        self._new_enough(command.kind.value)
        if isinstance(command, AddNote):
            return self._note(command)
        if isinstance(command, AddDocument):
            return self._document(command)
        if isinstance(command, SetAppointmentStatus):
            return self._status(command)
        return self._verification(command)

    def _note(self, command: AddNote) -> Receipt:
        offset = (
            self._api.offset()
        )  # before the write: whatever fails until then has provably written nothing
        body = note_body(command, self._local(command.occurred_at, offset))
        self.written.begin(command.marker)
        made = self._api.send("POST", "commlogs", body, ability="add_note")
        row = answer_row(made, COMMLOG_FIELDS)
        receipt = note_receipt(row, utc_stamps=False, offset=offset, seen=False)
        return _for(receipt, command.patient_key)

    def _document(self, command: AddDocument) -> Receipt:
        offset = self._api.offset()
        body = document_body(command, self._local(command.occurred_at, offset))
        made = self._api.send("POST", "documents/Upload", body, ability="add_document")
        row = answer_row(made, DOCUMENT_FIELDS)
        receipt = document_receipt(row, utc_stamps=False, offset=offset, seen=False)
        return _for(receipt, command.patient_key)

    def _status(self, command: SetAppointmentStatus) -> Receipt:
        key = str(whole(command.appointment_key, "appointment"))
        wanted = whole(command.status_key, "appointment_status")
        current = self.status_now(command)
        if current.text == command.status_key:
            return current
        if command.expected_key and current.text != command.expected_key:
            raise Conflict(
                "The status was changed in Open Dental meanwhile. Choose again.", current=current.text
            )
        self._api.send(
            "PUT", f"appointments/{key}/Confirm", {"defNum": wanted}, ability="set_appointment_status"
        )
        return Receipt(
            record=f"appointment {key}", patient_key=command.patient_key, text=command.status_key, seen=False
        )

    def status_now(self, command: SetAppointmentStatus) -> Receipt:
        """The appointment's present status. Raises `Refused` where it is gone or another patient's."""
        key = str(whole(command.appointment_key, "appointment"))
        try:
            item = self._api.get(f"appointments/{key}", ability="set_appointment_status")
        except NotThere as error:
            if not error.reason:  # the page of something else than the API: it says nothing about visits
                raise Unavailable(NO_API) from None
            raise Refused(_GONE, reason="Appointment not found") from None
        [(patient_key, status)] = rows_of([item], ("PatNum", "Confirmed"), "appointments")
        if command.patient_key and patient_key != command.patient_key:
            raise Refused(_OTHER, reason="PatNum is invalid")
        return Receipt(
            record=f"appointment {key}", patient_key=patient_key or "", text=status or "", seen=True
        )

    def _verification(self, command: MarkInsuranceVerified) -> Receipt:
        plan = command.plan_key or self.primary_plan(command.patient_key)
        self._not_over_a_later_one(command, plan)
        row: dict[str, object] = {}
        for step, body in enumerate(verification_bodies(command, plan)):
            try:
                row = self._api.send("PUT", "insverifies", body, ability="mark_insurance_verified")
            except PmsError as error:
                if step == 0:
                    raise
                raise Uncertain("Only a part of the verification may have been taken.") from error
        number = row.get("InsVerifyNum")
        return Receipt(
            record=f"insverify {number}" if number else "",
            patient_key=command.patient_key,
            text=command.note,
            seen=False,
        )

    def primary_plan(self, patient_key: str) -> str:
        """The patient's plan that pays first. Raises `Refused` where there is none."""
        items = self._api.items(
            "patplans", ability="mark_insurance_verified", PatNum=str(whole(patient_key, "patient"))
        )
        rows = sorted(
            rows_of(items, ("Ordinal", "PatPlanNum"), "patplans"), key=lambda row: int(row[0] or 99)
        )
        if not rows:
            raise Refused(
                "The patient has no insurance plan in Open Dental. Add one there, then send this again.",
                reason="",
            )
        return rows[0][1] or ""

    def verified(self, command: MarkInsuranceVerified, plan: str) -> list[Texts]:
        """What stands for a plan: (InsVerifyNum, DateLastVerified, Note, SecDateTEdit), through the API."""
        params = {"VerifyType": "PatientEnrollment"}
        if self._api.version() >= (24, 4, 17):
            params["FKey"] = plan
        else:
            params["SecDateTEdit"] = command.verified_on.isoformat() + " 00:00:00"
        rows: list[Texts] = []
        for items in self._api.pages("insverifies", ability="mark_insurance_verified", **params):
            rows += rows_of(
                [item for item in items if str(item.get("FKey")) == plan], _VERIFY_FIELDS, "insverifies"
            )
        return rows

    def _not_over_a_later_one(self, command: MarkInsuranceVerified, plan: str) -> None:
        """Raise `Conflict` where a later verification stands. One that is dated ahead (some offices take the day of the
        visit) is none."""
        rows = self._db.rows("verified", (plan,)) if self._db is not None else self.verified(command, plan)
        later = later_day(rows, command)
        if later and later <= self._api.server_local().date().isoformat():
            raise Conflict(_LATER, current=later)

    def _new_enough(self, ability: str) -> None:
        needed = VERSION_NEEDED[ability]
        if self._api.version() < needed:
            raise Unauthorised(
                f"This needs Open Dental {'.'.join(map(str, needed))} or newer; this office has "
                f"{'.'.join(map(str, self._api.version()))}. Ask the office to update it.",
                ability=ability,
            )

    def _local(self, at: datetime, offset: timedelta) -> datetime:
        """The office's wall time of a moment; from the API alone, by its present distance to UTC."""
        if self._db is not None:
            return self._db.local_time(at)
        return at.astimezone(UTC).replace(tzinfo=None) + offset


def _for(receipt: Receipt, patient_key: str) -> Receipt:
    """An answer without a body still is an answer about this patient."""
    if receipt.patient_key:
        return receipt
    return Receipt(record=receipt.record, patient_key=patient_key, text=receipt.text, seen=False)
