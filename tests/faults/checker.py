"""The one checker: once it is quiet, what became of everything that was accepted?

Judged from the practices' own tables, never from what the hub believes alone: each accepted activity is in the PMS
exactly once, at its patient, with a receipt; or it stands in the failure desk with a reason. Run by itself
(`python -m tests.faults.checker`, JSON in and out) it has the hub's data folder as its own.
Must not be in it: waiting, starting or stopping anything.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found. The lists hold activity numbers, writeback numbers or markers: nothing of anybody."""

    ops: int
    """Activities that REST acknowledged."""
    writes: int
    """Writebacks of the hub, those of unacknowledged activities too."""
    in_chart: int
    in_desk: int
    """Standing where a person sees them with a reason: needs attention, missing, held or skipped."""
    reasons: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong_patient: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    ledger_whole: bool = True

    def clean(self, at_desk: Mapping[str, int]) -> bool:
        """Nothing lost, nothing twice, nothing silent; and before a person no more than may be, by reason."""
        wrong = self.lost or self.twice or self.wrong_patient or self.unknown
        return self.ledger_whole and not wrong and not self.too_many(at_desk)

    def too_many(self, at_desk: Mapping[str, int]) -> dict[str, int]:
        """How many stand in the failure desk, by reason, beyond those that may."""
        return dict(Counter(self.reasons) - Counter(at_desk))

    def numbers(self) -> dict[str, Any]:
        """The verdict in numbers, for tables."""
        told = asdict(self)
        return {name: len(value) if isinstance(value, list) else value for name, value in told.items()}


Acknowledged = Mapping[str, str]
"""`activity` and `patient`, of one practice."""


def judge(
    practice_id: int, acknowledged: Sequence[Acknowledged], markers: Mapping[str, list[str]]
) -> Verdict:
    """Judge one practice. `markers` is what stands in the PMS's own tables: marker → patients' numbers."""
    from chartbridge.store import ledger
    from chartbridge.store.models import Activity, Writeback

    activities = dict(Activity.objects.filter(practice_id=practice_id).values_list("pk", "patient_key"))
    rows = list(Writeback.objects.filter(practice_id=practice_id).order_by("id"))
    of_activity = Counter(row.activity_id for row in rows)
    found: dict[str, list[str]] = {"lost": [], "twice": [], "wrong_patient": [], "unknown": []}
    for each in acknowledged:
        number = int(each["activity"])
        if activities.get(number) != each["patient"] or not of_activity[number]:
            found["lost"].append(f"activity {number}")
    standing: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for row in rows:
        fault, stands = _of_one(row, markers.get(row.marker, []) if row.marker else None)
        standing[stands] += 1
        if stands == "desk":
            reasons[row.reason_code] += 1
        if fault:
            found[fault].append(f"writeback {row.pk} ({row.delivery}/{row.seen} {row.reason_code})")
    found["unknown"] += [f"marker {each}" for each in _strangers(markers)]
    return Verdict(
        ops=len(acknowledged),
        writes=len(rows),
        in_chart=standing["chart"],
        in_desk=standing["desk"],
        reasons=dict(reasons),
        ledger_whole=ledger.verify(practice_id).whole,
        **found,
    )


def _of_one(row: Any, patients: list[str] | None) -> tuple[str, str]:
    """Return the fault of a writeback (or nothing), and where it stands: chart, desk or elsewhere.

    `patients` is None for a status move: it carries no marker, and cannot be there twice.
    """
    from chartbridge.store.models import Delivery, Seen

    if patients and any(patient != row.patient_key for patient in patients):
        return "wrong_patient", ""
    if patients and len(patients) > 1:
        return "twice", ""
    match row.delivery, row.seen:
        case Delivery.TAKEN, Seen.SEEN:
            there = patients is None or bool(patients)
            return ("", "chart") if there and (row.record or patients is None) else ("lost", "")
        case (Delivery.PARKED | Delivery.REFUSED | Delivery.HELD | Delivery.SKIPPED, _) | (
            Delivery.TAKEN,
            Seen.MISSING,
        ):
            return ("", "desk") if row.reason and row.reason_code else ("unknown", "")
        case Delivery.RETRACTED, _ if not patients:
            return "", "retracted"
        case _:
            return "unknown", ""


def _strangers(markers: Mapping[str, list[str]]) -> list[str]:
    """Return what stands in the PMS under a marker that the hub does not know: it forgot what it wrote."""
    from chartbridge.store.models import Writeback

    return sorted(set(markers) - set(Writeback.objects.exclude(marker="").values_list("marker", flat=True)))


def interrupted_often(kills: int, practices: int) -> dict[str, int]:
    """What may stand in the failure desk after kills of the hub: each interrupts at most one write in each practice
    that is sent alone, and one to which that happens three times is set aside."""
    return {"crashed": kills * practices // 3}


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Add verdicts up."""
    reasons: Counter[str] = Counter()
    for each in verdicts:
        reasons.update(each.reasons)
    lists = {
        name: [one for each in verdicts for one in getattr(each, name)]
        for name in ("lost", "twice", "wrong_patient", "unknown")
    }
    sums = {
        name: sum(getattr(each, name) for each in verdicts)
        for name in ("ops", "writes", "in_chart", "in_desk")
    }
    whole = all(each.ledger_whole for each in verdicts)
    return Verdict(**sums, **lists, reasons=dict(reasons), ledger_whole=whole)


def main() -> None:
    """Judge each practice that is told on standard input."""
    from chartbridge import bootstrap

    bootstrap.prepare()
    from chartbridge.sandbox.open_dental.proof import read_markers

    seen: dict[str, dict[str, list[str]]] = {}
    verdicts = []
    for each in json.load(sys.stdin):
        url = each["database"]
        if url not in seen:
            seen[url] = read_markers(url)
        verdicts.append(asdict(judge(each["practice_id"], each["acknowledged"], seen[url])))
    json.dump(verdicts, sys.stdout)


if __name__ == "__main__":
    main()
