"""Patients of the mirror by phone number or e-mail address.

Must not be in it: which of several it is (that is `intake.people`).
"""

from __future__ import annotations

import re

from chartbridge.store.models import MirrorPatient

_NOT_DIGITS = re.compile(r"[^0-9]")


def patients_by_phone(connection_id: int, digits10: str) -> list[MirrorPatient]:
    """Return everyone one of whose phones ends in these ten digits."""
    if len(digits10) < 7:
        return []
    rows = MirrorPatient.objects.filter(connection_id=connection_id, gone_at=None, search__contains=digits10)
    return [row for row in rows if digits10 in _phones(row)]


def patients_by_email(connection_id: int, email: str) -> list[MirrorPatient]:
    """Return everyone with this address, however it is capitalised."""
    rows = MirrorPatient.objects.filter(
        connection_id=connection_id, gone_at=None, email__iexact=email.strip()
    )
    return list(rows)


def _phones(row: MirrorPatient) -> set[str]:
    return {
        _NOT_DIGITS.sub("", number)[-10:] for number in (row.mobile_phone, row.home_phone, row.work_phone)
    }
