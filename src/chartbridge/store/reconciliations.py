"""Looks at a day: their rows, which writebacks they are about, what they found. Must not be in it: asking a PMS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import F, Max, Q, QuerySet

from chartbridge.pms.commands import CommandKind, Filed
from chartbridge.store import deliveries
from chartbridge.store.database import writing
from chartbridge.store.deliveries import WAITING_FOR_IMPORT, Row
from chartbridge.store.models import (
    Delivery,
    FindingKind,
    Practice,
    Reconciliation,
    ReconciliationFinding,
    Seen,
    Writeback,
)

PROVEN = (CommandKind.ADD_NOTE, CommandKind.ADD_DOCUMENT, CommandKind.MARK_INSURANCE_VERIFIED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """One writeback that is to be found in the PMS, with what it was shown to be when it was read back; `filed` is None
    where that was not kept."""

    row: Row
    record: str
    text_hash: str
    filed: Filed | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found about one writeback. `records` are (record, patient) of all that carry its marker; `shown` is a
    hash of what is not as written; `changes` are (what, was, now) of what was changed."""

    writeback_id: int
    kind: FindingKind
    records: tuple[tuple[str, str], ...]
    shown: str
    changes: tuple[tuple[str, str, str], ...] = ()


def begin(practice_id: int, day: date, who: str, now: datetime) -> Reconciliation:
    """Begin a look at a day of the practice's calendar, or return the one that is under way."""
    running = Reconciliation.objects.filter(practice_id=practice_id, day=day, finished_at=None).first()
    if running is not None:
        return running
    rows = _of_day(practice_id, day)
    with writing():
        return Reconciliation.objects.create(
            practice_id=practice_id,
            day=day,
            who=who,
            started_at=now,
            total=rows.filter(delivery=Delivery.TAKEN).count(),
            not_written=rows.exclude(delivery=Delivery.TAKEN).count(),
        )


def unfinished() -> list[Reconciliation]:
    """Return every look that is under way, oldest first."""
    return list(Reconciliation.objects.filter(finished_at=None).order_by("id"))


def newest(practice_id: int, limit: int = 1) -> list[Reconciliation]:
    """Return a practice's newest looks."""
    return list(Reconciliation.objects.filter(practice_id=practice_id).order_by("-id")[:limit])


def piece(run: Reconciliation, limit: int) -> list[Looked]:
    """Return the next writebacks of the day that the PMS has taken."""
    rows = _of_day(run.practice_id, run.day).filter(delivery=Delivery.TAKEN, pk__gt=run.after).order_by("pk")
    told = list(rows.values_list("pk", "record", "text_hash", "filed")[:limit])
    held = {row.id: row for row in deliveries.read_rows(run.practice_id, [pk for pk, *_ in told])}
    return [
        Looked(row=held[pk], record=record, text_hash=kept, filed=Filed(**filed) if filed else None)
        for pk, record, kept, filed in told
        if pk in held
    ]


def overwritten(connection_id: int, looked: Sequence[Looked], command: CommandKind) -> set[int]:
    """Return which of these, written by `command`, a later writeback of ours has taken the record of."""
    mine = {each.row.id: each.record for each in looked if each.record and each.row.command == command}
    taken = Writeback.objects.filter(connection_id=connection_id, command=command, delivery=Delivery.TAKEN)
    newest = dict(
        taken.filter(record__in=mine.values()).order_by().values_list("record").annotate(newest=Max("pk"))
    )
    return {number for number, record in mine.items() if number < newest[record]}


def decided(writeback_ids: Sequence[int]) -> set[tuple[int, str, str]]:
    """Return what people have dealt with of these writebacks: (writeback, kind, what was shown). What is missing is
    not among it: it stands in the failure desk until it is written or dismissed."""
    rows = ReconciliationFinding.objects.filter(writeback_id__in=writeback_ids).exclude(decision="")
    rows = rows.exclude(kind=FindingKind.MISSING)
    return set(rows.values_list("writeback_id", "kind", "shown"))


def keep(
    run: Reconciliation, looked: Sequence[Looked], found: Sequence[Found], *, in_chart: int, everywhere: bool
) -> bool:
    """Keep what a piece brought; inside a transaction. False where another process has come further meanwhile."""
    mine = Reconciliation.objects.filter(pk=run.pk, after=run.after, finished_at=None)
    kept = mine.update(
        after=max((each.row.id for each in looked), default=run.after),
        looked=F("looked") + len(looked),
        in_chart=F("in_chart") + in_chart,
        everywhere=run.everywhere and everywhere,
        error="",
    )
    if not kept:
        return False
    ReconciliationFinding.objects.bulk_create(
        [
            ReconciliationFinding(
                run=run,
                writeback_id=each.writeback_id,
                kind=each.kind,
                records=[list(r) for r in each.records],
                changes=[list(c) for c in each.changes],
                shown=each.shown,
                decision="told" if each.kind == FindingKind.MERGED else "",
            )
            for each in found
        ],
        ignore_conflicts=True,
    )
    return True


def say_why(run: Reconciliation, sentence: str) -> None:
    """Say why a look does not come further."""
    Reconciliation.objects.filter(pk=run.pk).update(error=sentence)


def finish(run: Reconciliation, now: datetime) -> None:
    """End a look."""
    Reconciliation.objects.filter(pk=run.pk, finished_at=None).update(
        finished_at=now, total=F("looked"), error=""
    )


def give_up(run: Reconciliation, now: datetime) -> None:
    """End a look that can't come to its end; why stays in it."""
    Reconciliation.objects.filter(pk=run.pk, finished_at=None).update(finished_at=now)


def findings(run_id: int) -> list[ReconciliationFinding]:
    """Return what a look found, with its writebacks and activities."""
    rows = ReconciliationFinding.objects.filter(run_id=run_id).select_related("writeback__activity")
    return list(rows.order_by("id"))


def newest_finished(practice_id: int) -> Reconciliation | None:
    """Return the newest look that came to its end."""
    rows = Reconciliation.objects.filter(practice_id=practice_id, finished_at__isnull=False, error="")
    return rows.order_by("-id").first()


def open_findings(practice_id: int) -> int:
    """Count what the newest look at each day found and nobody has dealt with.

    What is missing is not among it: it stands in the failure desk.
    """
    over = Reconciliation.objects.filter(practice_id=practice_id, finished_at__isnull=False, error="")
    newest_of_days = over.order_by().values("day").annotate(last=Max("id")).values("last")
    rows = ReconciliationFinding.objects.filter(run__in=newest_of_days, decision="")
    return rows.exclude(kind=FindingKind.MISSING).values("writeback_id", "kind").distinct().count()


def undecided(run_id: int) -> int:
    """Count what a look found and nobody has dealt with."""
    return ReconciliationFinding.objects.filter(run_id=run_id, decision="").count()


def finding(practice_id: int, finding_id: int) -> ReconciliationFinding | None:
    """Return one finding of a practice."""
    rows = ReconciliationFinding.objects.filter(pk=finding_id, run__practice_id=practice_id)
    return rows.select_related("writeback", "run").first()


def decide(finding_ids: Sequence[int], decision: str, who: str, now: datetime) -> int:
    """Note how a person dealt with findings. Returns how many were still open."""
    rows = ReconciliationFinding.objects.filter(pk__in=finding_ids, decision="")
    return rows.update(decision=decision, decided_by=who, decided_at=now)


def today(practice_id: int, now: datetime) -> date:
    """Return the day that it is at the practice."""
    return now.astimezone(_zone(practice_id)).date()


def _zone(practice_id: int) -> ZoneInfo:
    return ZoneInfo(Practice.objects.values_list("time_zone", flat=True).get(pk=practice_id))


def _of_day(practice_id: int, day: date) -> QuerySet[Writeback]:
    """What came in on that day of the practice's calendar, or was written on it, and was meant for the chart.

    Both: what came in at the evening and could only be written the next morning is looked at with the next day.
    """
    zone = _zone(practice_id)
    begin = datetime.combine(day, time(), tzinfo=zone)
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
    came_in = Q(created_at__gte=begin, created_at__lt=end)
    written = Q(taken_at__gte=begin, taken_at__lt=end)
    waits_for_import = Q(delivery=Delivery.TAKEN, seen=Seen.OWED, reason_code=WAITING_FOR_IMPORT)
    ticked_off = Q(
        delivery=Delivery.TAKEN, reason_code="imported"
    )  # where that put it, only the person knows
    return (
        Writeback.objects.filter(came_in | written, practice_id=practice_id, command__in=PROVEN)
        .exclude(delivery__in=[Delivery.SKIPPED, Delivery.RETRACTED])
        .exclude(waits_for_import | ticked_off)
    )
