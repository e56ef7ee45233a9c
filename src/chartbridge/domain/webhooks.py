"""What a program may be told of, and where the program may stand. Must not be in it: telling it."""

from __future__ import annotations

from enum import StrEnum


class WebhookEvent(StrEnum):
    """What a webhook's message is about; the value is its `type`."""

    WRITEBACK_DONE = "writeback.done"
    WRITEBACK_FAILED = "writeback.failed"
    WRITEBACK_HELD = "writeback.held"
    STATUS_CHANGED = "appointment.status_changed"
    PATIENT_CHANGED = "patient.changed"
    TEST = "webhook.test"  # sent by a button, never by itself


CHOOSABLE = tuple(event for event in WebhookEvent if event is not WebhookEvent.TEST)


class Reach(StrEnum):
    """Where the receiving program may stand; every address that its name stands for must lie there."""

    INTERNET = "internet"  # https, public addresses only
    OFFICE = "office"  # https, private addresses only
    MACHINE = "machine"  # http or https, loopback only
