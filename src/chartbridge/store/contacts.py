"""Patients of the mirror by e-mail address.

Must not be in it: which of several it is (that is `intake.people`), phone numbers (`store.mirror`).
"""

from __future__ import annotations

from chartbridge.store.models import MirrorPatient


def patients_by_email(connection_id: int, email: str) -> list[MirrorPatient]:
    """Return everyone with this address, however it is capitalised."""
    return list(
        MirrorPatient.objects.filter(
            connection_id=connection_id, gone_at=None, email__iexact=email.strip()
        ).order_by("search")
    )
