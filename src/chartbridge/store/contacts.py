"""Patients of the mirror by e-mail address, and whether all of them are there yet.

Must not be in it: which of several it is (that is `intake.people`), phone numbers (`store.mirror`).
"""

from __future__ import annotations

from chartbridge.pms.reading import Stream
from chartbridge.store.models import MirrorPatient, StreamState


def patients_by_email(connection_id: int, email: str) -> list[MirrorPatient]:
    """Return everyone with this address, however it is capitalised."""
    return list(
        MirrorPatient.objects.filter(
            connection_id=connection_id, gone_at=None, email__iexact=email.strip()
        ).order_by("search")
    )


def everybody_read(connection_id: int) -> bool:
    """Whether the first read of the patients has come to its end, so that one who is not there does not exist."""
    unread = StreamState.objects.filter(
        connection_id=connection_id, stream=Stream.PATIENTS, first_read_done_at=None
    )
    return not unread.exists()
