"""The example on the settings page: exactly what an activity of a type becomes in the chart.

Must not be in it: a real patient's anything.
"""

from __future__ import annotations

from datetime import date

from chartbridge.domain.activities import ActivityKind, Direction, Medium
from chartbridge.domain.notes import Story, compose, document_name

_MARKER = "CB-7K2QM9XD"
_DAY = date(2026, 11, 3)
_PHONE = "+15365550101"
_BODIES: dict[ActivityKind, str] = {
    ActivityKind.OUTGOING_TEXT: "Hi Ann, this is a reminder of your cleaning tomorrow at 9:15. Reply C to confirm.",
    ActivityKind.INCOMING_TEXT: "C - see you then!",
    ActivityKind.OUTGOING_EMAIL: "Dear Ann,\n\nyour treatment plan is ready. Call us with any questions.",
    ActivityKind.INCOMING_CALL: "Asked to move Thursday's visit to the afternoon.",
    ActivityKind.OUTGOING_CALL: "Left a message about the open balance.",
    ActivityKind.MISSED_CALL: "",
    ActivityKind.INCOMING_CALL_TRANSCRIPT: "Patient: Do you have anything on Friday?\nDesk: 10:30 is free.",
    ActivityKind.OUTGOING_CALL_TRANSCRIPT: "Desk: Your crown has arrived.\nPatient: Great, Monday works.",
    ActivityKind.INCOMING_CALL_SUMMARY: "Patient asked for a visit on Friday; 10:30 was offered.",
    ActivityKind.OUTGOING_CALL_SUMMARY: "Told the patient that the crown has arrived; Monday was agreed.",
    ActivityKind.PATIENT_NOTE: "Prefers mornings. Anxious about needles.",
    ActivityKind.TASK_NOTE: "Called the lab: the night guard ships on Wednesday.",
    ActivityKind.VERIFICATION_NOTE: "Active. Deductible met 50 of 150. Preventive 100 %.",
}


def preview_note(kind: ActivityKind) -> str:
    """Return the text of an example; for a document its name in the chart."""
    if kind.is_document:
        return document_name(kind, _DAY, _MARKER)
    traits = kind.traits
    story = Story(
        kind=kind,
        subject="Your treatment plan" if traits.medium is Medium.EMAIL else "",
        body=_BODIES[kind],
        phone=_PHONE if traits.medium in (Medium.TEXT, Medium.PHONE) else "",
        email="ann@example.com" if traits.medium is Medium.EMAIL else "",
        author=""
        if traits.direction is Direction.INCOMING or traits.written_by_ai
        else "Mary at the front desk",
        verified_on=_DAY if kind is ActivityKind.VERIFICATION_NOTE else None,
    )
    return compose(story, limit=0, charset="bmp", marker_of_part=lambda _: _MARKER)[0]
