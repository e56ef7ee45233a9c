"""The desk at which programs hand in activities: intake, joined to the writebacks that follow."""

from __future__ import annotations

from chartbridge.domain.clock import SystemClock
from chartbridge.intake.accept import Desk
from chartbridge.writeback.enqueue import enqueue_activity

clock = SystemClock()
desk = Desk(enqueue=enqueue_activity, clock=clock)
