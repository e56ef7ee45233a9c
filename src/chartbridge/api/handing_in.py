"""Where programs hand in activities: intake, joined to the writebacks that follow."""

from __future__ import annotations

from chartbridge.domain.clock import SystemClock
from chartbridge.intake.accept import Intake
from chartbridge.writeback.enqueue import enqueue_many

clock = SystemClock()
intake = Intake(enqueue=enqueue_many, clock=clock)
