"""`chartbridge ledger …` and `chartbridge reconcile`: to see for oneself that nothing was lost or altered.

Must not be in it: parsing the command line, how a look is done.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from chartbridge.domain.clock import SystemClock
from chartbridge.store import ledger_checks, ledger_export, reconciliations, tending
from chartbridge.store.live_connectors import live
from chartbridge.store.models import FindingKind, Practice, ReconciliationFinding
from chartbridge.writeback import reconcile

WHO = "command line"
_WORDS = {
    FindingKind.MISSING: "missing in the PMS",
    FindingKind.TWICE: "there more than once",
    FindingKind.WRONG_PATIENT: "under another patient",
    FindingKind.MAYBE_MERGED: "under another patient, who may be the same one merged",
    FindingKind.MERGED: "under the patient into whom its own was merged: it is in the chart",
    FindingKind.CHANGED: "changed since",
    FindingKind.UNREADABLE: "not to be read there",
}
_CHANGES = {
    "text": "its text",
    "type_key": "its type",
    "medium": "its mode",
    "direction": "whether sent or received",
    "at": "its date or time",
}


def verify(practice_ids: Sequence[int], *, kept_hash: str = "") -> int:
    """Look through the ledgers, keep and print what is wrong. Returns 1 if something is, otherwise 0."""
    names = tending.practices()
    wrong = 0
    for practice_id in practice_ids:
        report = ledger_checks.verify(practice_id, WHO, SystemClock().now(), kept_hash=kept_hash)
        print(
            f"Practice {practice_id}, {names[practice_id]}: {report.entries} entries, last hash {report.last_hash}"
        )
        for each in report.breaks:
            print(f"  ✗ {each.sentence}")
        for number in report.astray:
            print(f"  ✗ Writeback {number} does not stand where its last entry says.")
        for number in report.rewritten:
            print(f"  ✗ Writeback {number} holds another text, patient or record than was written.")
        for number in report.gone:
            print(
                f"  ✗ Writeback {number} is gone: the ledger holds its moves, and there is no such writeback."
            )
        if report.whole:
            print("  ✓ Nothing was changed, removed, put in or reordered.")
        wrong += not report.whole
    return int(bool(wrong))


def export(practice_id: int, *, form: str, since: date | None, until: date | None, out: Path | None) -> int:
    """Write a practice's ledger as CSV or JSON lines. Codes, numbers, hashes, times and who; no text of a chart."""
    zone = ZoneInfo(Practice.objects.values_list("time_zone", flat=True).get(pk=practice_id))
    entries = ledger_export.entries(practice_id, since=_midnight(since, zone), until=_midnight(until, zone))
    with _opened(out) as file:
        count = sum(1 for line in ledger_export.lines(entries, form) if file.write(line))
    print(f"{count - (form == 'csv')} entries.", file=sys.stderr)
    return 0


def reconcile_day(practice_ids: Sequence[int], day: date | None) -> int:
    """Look for a day's activities in the PMS and print what is not as it was written. Returns 1 if anything is."""
    clock = SystemClock()
    wrong = 0
    for practice_id in practice_ids:
        practice = Practice.objects.get(pk=practice_id)
        wanted = day or datetime.now(UTC).astimezone(ZoneInfo(practice.time_zone)).date()
        try:
            run = reconcile.whole_day(practice_id, wanted, live(), clock, who=WHO)
        except reconcile.CannotReconcile as error:
            print(f"Practice {practice_id}, {practice.name}: {error}")
            wrong += 1
            continue
        found = reconciliations.findings(run.pk)
        print(
            f"Practice {practice_id}, {practice.name}, {wanted}: {run.in_chart} of {run.looked} in the chart as written"
            + (f"; {run.not_written} not written yet or waiting for a person" if run.not_written else "")
            + (
                "."
                if run.everywhere
                else ". Only the charts of the patients who were written to could be searched."
            )
        )
        for each in found:
            fine = each.kind == FindingKind.MERGED
            wrong += not fine
            places = (
                ", ".join(f"{record} at patient {patient}" for record, patient in each.records) or "nowhere"
            )
            print(f"  {'✓' if fine else '✗'} Writeback {each.writeback_id} is {_words(each)}: {places}")
    return int(bool(wrong))


def _words(found: ReconciliationFinding) -> str:
    what = ", ".join(_CHANGES[what] for what, *_ in found.changes)
    return _WORDS[FindingKind(found.kind)] + (f" ({what})" if what else "")


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=zone)


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
    else:
        with out.open("w", encoding="utf-8", newline="") as file:
            yield file
