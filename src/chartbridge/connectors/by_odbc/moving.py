"""Sets a visit's status: compared with what is there, set only where it still is, all in one transaction.

Must not be in it: a vendor's columns, which statuses may be set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chartbridge.connectors.by_odbc.cells import text
from chartbridge.connectors.by_odbc.database import Database
from chartbridge.pms.commands import Receipt, SetAppointmentStatus
from chartbridge.pms.errors import Conflict, Refused
from chartbridge.transport.odbc import Row, Transaction

Shown = Callable[[Row], str | None]
"""From a row of `visit_status`, which begins with the visit's patient, to the status that the visit shows; None where
it is no visit any more."""
Move = Callable[[Transaction, Row], int]
"""From that row to how many rows were touched by an UPDATE that asks for its values again."""


class _Overtaken(Exception):
    """Somebody was faster: ends a transaction that must leave nothing."""


def set_status(database: Database, command: SetAppointmentStatus, shown: Shown, move: Move) -> Receipt:
    """Set it. Raises `Conflict` where the visit shows another status than was expected, or than a moment ago."""
    args, name = [int(command.appointment_key)], database.name

    def now_shown(rows: list[Row]) -> str:
        status = shown(rows[0]) if rows else None
        if status is None:
            raise Refused(f"The appointment is no longer in {name}.", reason="no such appointment")
        return status

    try:
        with database.writing() as step:
            asked = database.text_of("visit_status")
            found = step.rows(asked, args)
            current = now_shown(found)
            if current != command.status_key:
                if current != (command.expected_key or current):
                    raise Conflict(f"The appointment shows another status in {name} by now.", current=current)
                touched = move(step, found[0])
                if touched < 0:  # a driver that does not count
                    touched = now_shown(step.rows(asked, args)) == command.status_key
                if not touched:
                    raise _Overtaken
    except _Overtaken:
        current = now_shown(database.rows("visit_status", args))
        if current != command.status_key:
            raise Conflict(
                f"The appointment's status was changed in {name} at the same moment.", current=current
            ) from None
    return _receipt(command)


def status_landed(database: Database, command: SetAppointmentStatus, shown: Shown) -> Receipt | None:
    """The receipt of a visit that shows the wished status, or nothing."""
    rows = database.rows("visit_status", [int(command.appointment_key)])
    if not rows or shown(rows[0]) != command.status_key:
        return None
    return replace(_receipt(command), patient_key=text(rows[0][0]), seen=True)


def _receipt(command: SetAppointmentStatus) -> Receipt:
    return Receipt(
        record=f"appointment {command.appointment_key}",
        patient_key=command.patient_key,
        text=command.status_key,
    )
