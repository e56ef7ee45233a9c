"""The audit trail's pen: who did or looked at what.

Must not be in it: names, phone numbers or texts of patients; `patient_key` is the PMS's number.
"""

from __future__ import annotations

from chartbridge.store.accounts import add_audit_entry
from chartbridge.web.access import StaffRequest


def audit(request: StaffRequest, what: str, patient_key: str = "", **detail: str | int | bool | None) -> None:
    """Write one entry for the signed-in person. `detail` holds codes, numbers and settings' values only."""
    add_audit_entry(
        practice_id=request.practice.pk,
        who=request.user.email,
        what=what,
        patient_key=patient_key,
        detail=detail,
    )
