"""Accept notes into a hub that is not served: `python -m bench.fill_queue 5000`; CHARTBRIDGE_DATA names the folder."""

from __future__ import annotations

import sys


def main(count: int) -> None:
    """Accept `count` texts, spread over all active patients."""
    from chartbridge import bootstrap

    bootstrap.prepare()
    from chartbridge.domain.clock import SystemClock
    from chartbridge.intake.accept import Item, accept_many
    from chartbridge.intake.new import NewActivity
    from chartbridge.store.models import MirrorPatient, Practice
    from chartbridge.writeback.enqueue import enqueue_many

    practice = Practice.objects.get()
    keys = list(MirrorPatient.objects.filter(status="active", gone_at=None).values_list("key", flat=True))
    notes = [
        Item(
            new=NewActivity(
                kind="outgoing_text", patient_key=keys[n % len(keys)], body=f"Reminder {n}: see you soon."
            )
        )
        for n in range(count)
    ]
    accept_many(practice.pk, notes, source="bench", who="bench", clock=SystemClock(), enqueue=enqueue_many)


if __name__ == "__main__":
    main(int(sys.argv[1]))
