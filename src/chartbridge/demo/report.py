"""The demo's report: what the hub says of itself, and what became of all it accepted by the practice's own tables.

Must not be in it: a name, a number or a text of anybody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chartbridge.demo.desk import Accepted
from chartbridge.demo.places import Place
from chartbridge.sandbox.proof import ExpectedMove, ExpectedWrite
from chartbridge.store import tending
from chartbridge.store.models import Delivery, Seen
from chartbridge.store.tending import Kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Stand:
    """How far everything has come, in numbers. `unread` is in the PMS and not yet read back (among `waiting`)."""

    activities: int
    done: int
    waiting: int
    held: int
    skipped: int
    parked: int
    uncertain: int
    unread: int

    @property
    def quiet(self) -> bool:
        """Whether nothing moves any more without a person."""
        return not self.waiting and not self.uncertain


def stand(practice_id: int) -> Stand:
    """Count."""
    rows = tending.standing(practice_id)
    by = {delivery: sum(n for (d, _), n in rows.items() if d == delivery) for delivery in Delivery}
    done = rows.get((Delivery.TAKEN, Seen.SEEN), 0)
    missing = rows.get((Delivery.TAKEN, Seen.MISSING), 0)
    unread = by[Delivery.TAKEN] - done - missing
    return Stand(
        activities=tending.activities(practice_id),
        done=done,
        waiting=by[Delivery.QUEUED] + by[Delivery.SENDING] + unread,
        held=by[Delivery.HELD],
        skipped=by[Delivery.SKIPPED],
        parked=by[Delivery.PARKED] + by[Delivery.REFUSED] + missing,
        uncertain=by[Delivery.UNCERTAIN],
        unread=unread,
    )


def proof(practice_id: int, place: Place, accepted: Sequence[Accepted]) -> dict[str, int]:
    """Count what became of everything that the hub accepted: notes, documents, moves.

    What it says is written is looked for in the practice's own tables. What it accepted and neither says is written,
    nor is still at work on, nor shows to a person with a reason is missing as well.
    """
    kept = tending.kept(practice_id)
    known = tending.activity_ids(practice_id)
    found = [_of_accepted(each, kept, known) for each in accepted]
    notes, moves = place.prove(
        [ExpectedWrite(marker=marker, patient_key=key) for marker, key in tending.written(practice_id)],
        [
            ExpectedMove(appointment_key=appointment, status_key=status, patient_key=patient)
            for appointment, status, patient in tending.moved(practice_id)
        ],
    )
    return {
        "accepted": len(accepted),
        "in_pms": notes.in_pms + moves.in_pms,
        "missing": len(notes.missing) + len(moves.missing) + found.count("missing"),
        "twice": len(notes.twice),
        "wrong_patient": len(notes.wrong_patient) + len(moves.wrong_patient) + found.count("wrong_patient"),
    }


_BY_A_PERSON = (Delivery.HELD, Delivery.PARKED, Delivery.REFUSED, Delivery.SKIPPED)


def _of_accepted(each: Accepted, kept: Mapping[int, Kept], known: set[int]) -> str:
    """What is wrong with what the hub holds of something that it accepted, or nothing."""
    rows = [kept.get(number) for number in each.writebacks]
    if not rows or (each.activity_id is not None and each.activity_id not in known):
        return "missing"
    if any(row is None or row.activity_id != each.activity_id or _silent(row) for row in rows):
        return "missing"
    strays = [row for row in rows if row and each.patient_key and row.patient_key != each.patient_key]
    return "wrong_patient" if strays else ""


def _silent(row: Kept) -> bool:
    """Whether it neither moves by itself, nor can be looked for in the practice's tables, nor says why not."""
    if (row.delivery, row.seen) == (Delivery.TAKEN, Seen.MISSING) or row.delivery in _BY_A_PERSON:
        return not row.explained
    return row.delivery == Delivery.TAKEN and row.activity_id is not None and not row.marker


def write(file: Path, *, told: Stand, found: Mapping[str, int], connection_id: int) -> dict[str, Any]:
    """Write and return the report."""
    report = {
        "activities": told.activities,
        "writebacks": {
            name: getattr(told, name)
            for name in ("done", "waiting", "held", "skipped", "parked", "uncertain")
        },
        "proof": dict(found),
        "streams": streams(connection_id),
    }
    file.write_text(json.dumps(report, indent=2) + "\n")
    return report


def streams(connection_id: int) -> dict[str, dict[str, Any]]:
    """How often each stream was checked and how late changes came, in seconds; null where nothing changed."""
    return {
        state.stream: {
            "interval_s": state.interval_s,
            "checks": state.checks,
            "lag_p50_s": _seconds(state.lag_p50_ms),
            "lag_p95_s": _seconds(state.lag_p95_ms),
        }
        for state in tending.stream_states(connection_id)
    }


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 2)
