"""What a test may ask of a connector, by what it declares.

Must not be in it: assertions about what was asked.
"""

from __future__ import annotations

import pytest

from chartbridge.domain.schedule import Appointment
from chartbridge.pms.commands import Command, CommandKind, SetAppointmentStatus
from chartbridge.pms.connector import Connector
from chartbridge.pms.errors import PmsError
from chartbridge.pms.reading import Stream
from chartbridge.testing.rig import Rig
from chartbridge.testing.steps import read_on

MARKER = "CB-7K2QM9XD"
OTHER_MARKER = "CB-0000000Z"
RECORDS = (
    Stream.PATIENTS,
    Stream.APPOINTMENTS,
    Stream.APPOINTMENT_STATUS,
    Stream.PHOTOS,
    Stream.DOCUMENTS,
)
MARKED = (CommandKind.ADD_NOTE, CommandKind.ADD_DOCUMENT, CommandKind.MARK_INSURANCE_VERIFIED)


def declared(connector: Connector, stream: Stream) -> None:
    """Go on only with a stream that is declared; one that isn't must refuse to be read."""
    if stream not in connector.manifest.streams:
        with pytest.raises(PmsError):
            connector.read(stream, None)
        pytest.xfail(f"{stream} is not declared")


def offered(rig: Rig, connector: Connector, kind: CommandKind, *, text: str = "") -> Command:
    """A command with a marker; a kind that isn't declared is tested by the test of what is not declared."""
    if not connector.manifest.can_write(kind):
        pytest.xfail(f"{kind} is not declared")
    return rig.command(kind, MARKER, text=text)


def status_move(rig: Rig, connector: Connector, to: int) -> SetAppointmentStatus:
    """A wish to set a new visit's status to the one at a place of `rig.statuses()`."""
    if not connector.manifest.can_write(CommandKind.SET_APPOINTMENT_STATUS):
        pytest.xfail("setting a status is not declared")
    visit = rig.book()
    return SetAppointmentStatus(
        patient_key=_patient_of(connector, visit),
        appointment_key=visit,
        status_key=rig.statuses()[to],
        expected_key=rig.status_of(visit),
    )


def _patient_of(connector: Connector, visit: str) -> str:
    record = read_on(connector, Stream.APPOINTMENTS, None).latest()[visit]
    assert isinstance(record, Appointment)
    return record.patient_key
