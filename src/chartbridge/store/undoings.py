"""Undoings: their rows, their steps, and how far each has really come. Must not be in it: undoing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from chartbridge.store.bad_days import Wanted
from chartbridge.store.database import writing
from chartbridge.store.models import Delivery, Seen, Undoing, UndoStep

OPEN, DONE, LEFT, FAILED, BACK = "open", "done", "left", "failed", "back"
PLANNING, DOING, TAKING_BACK = "planning", "doing", "taking_back"
_OVER = {DOING: "done", TAKING_BACK: "taken_back"}
_UNSENT = (Delivery.HELD, Delivery.SKIPPED, Delivery.QUEUED, Delivery.PARKED, Delivery.REFUSED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How many steps have come how far. What a correction undoes is `done` once it was read back from the chart.

    `left` are those left alone, by way; `stuck` those that failed or whose correction waits for a person, by the
    reason.
    """

    total: int
    done: int
    on_way: int
    open: int
    back: int
    left: Mapping[str, int]
    stuck: Mapping[str, int]

    @property
    def settled(self) -> int:
        """How many will not move by themselves any more."""
        return self.total - self.open - self.on_way


def begin(practice_id: int, wanted: Wanted, who: str, now: datetime) -> Undoing:
    """Begin one, or return the one that is under way."""
    with writing():
        running = newest(practice_id)
        if running is not None and running.finished_at is None:
            return running
        return Undoing.objects.create(
            practice_id=practice_id,
            who=who,
            started_at=now,
            since=wanted.since,
            until=wanted.until,
            kind=wanted.kind,
            type_key=wanted.type_key,
            provider_key=wanted.provider_key,
            source=wanted.source,
            up_to=wanted.up_to,
        )


def newest(practice_id: int) -> Undoing | None:
    """Return a practice's newest."""
    return Undoing.objects.filter(practice_id=practice_id).order_by("-id").first()


def unfinished() -> list[Undoing]:
    """Return every one that is under way, oldest first."""
    return list(Undoing.objects.filter(finished_at=None).order_by("id"))


def wanted_of(run: Undoing) -> Wanted:
    """Return what was asked for."""
    return Wanted(
        since=run.since,
        until=run.until,
        kind=run.kind,
        type_key=run.type_key,
        provider_key=run.provider_key,
        source=run.source,
        up_to=run.up_to,
    )


def plan(run: Undoing, steps: Sequence[tuple[int, str, str]]) -> None:
    """Keep a piece of the plan: (writeback, way, state)."""
    with writing():
        if not come_to(run, steps[-1][0]):
            return  # another process has planned it
        UndoStep.objects.bulk_create(
            [UndoStep(run=run, writeback_id=number, way=way, state=state) for number, way, state in steps]
        )


def enter(run: Undoing, stage: str, *, taken_by: str = "") -> bool:
    """Begin a stage. False where it has moved on meanwhile."""
    mine = Undoing.objects.filter(pk=run.pk, stage=run.stage, finished_at=run.finished_at)
    return bool(mine.update(stage=stage, after=0, finished_at=None, error="", taken_by=taken_by))


def finish(run: Undoing, now: datetime) -> None:
    """End it."""
    mine = Undoing.objects.filter(pk=run.pk, stage=run.stage, finished_at=None)
    mine.update(stage=_OVER[run.stage], finished_at=now, error="")


def next_steps(run: Undoing, limit: int) -> list[int]:
    """Return the next steps of the stage: those that are to be done, or are to be taken back."""
    states = [OPEN] if run.stage == DOING else [OPEN, DONE]
    rows = UndoStep.objects.filter(run=run, state__in=states, pk__gt=run.after).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:limit])


def steps_of(run: Undoing, ids: Sequence[int], states: Sequence[str]) -> list[UndoStep]:
    """Return these steps as far as they still stand there."""
    rows = UndoStep.objects.filter(run=run, pk__in=ids, state__in=states).select_related("made")
    return list(rows.order_by("pk"))


def come_to(run: Undoing, after: int) -> bool:
    """Note how far the stage has come. False where another process has come further."""
    mine = Undoing.objects.filter(pk=run.pk, stage=run.stage, after=run.after, finished_at=None)
    return bool(mine.update(after=after, error=""))


def from_the_start(run: Undoing) -> bool:
    """Go through what is still open once more. False where nothing is."""
    Undoing.objects.filter(pk=run.pk, stage=run.stage).update(after=0)
    return UndoStep.objects.filter(run=run, state=OPEN).exists()


def settle(
    run: Undoing,
    writebacks: Sequence[int],
    *,
    state: str,
    way: str | None = None,
    made: int | None = None,
    reason: str = "",
) -> None:
    """Note what became of the steps of these writebacks."""
    fields: dict[str, object] = {"state": state, "reason": reason}
    if way is not None:
        fields["way"] = way
    if made is not None:
        fields["made"] = made
    UndoStep.objects.filter(run=run, writeback_id__in=writebacks).update(**fields)


def say_why(run: Undoing, sentence: str) -> None:
    """Say why it does not come further."""
    Undoing.objects.filter(pk=run.pk).update(error=sentence)


def can_be_taken_back(run: Undoing) -> bool:
    """Whether something of it is not done or not sent yet."""
    if run.stage in (TAKING_BACK, _OVER[TAKING_BACK]):
        return False
    mine = UndoStep.objects.filter(run=run)
    unsent = mine.filter(state=DONE, made__delivery__in=_UNSENT, made__attempts=0)
    taken = mine.filter(state=DONE, made=None, writeback__delivery=Delivery.RETRACTED, writeback__attempts=0)
    return run.stage == PLANNING or mine.filter(state=OPEN).exists() or unsent.exists() or taken.exists()


def progress(run: Undoing) -> Progress:
    """Count how far each step has really come."""
    rows = UndoStep.objects.filter(run=run).order_by()
    counted = rows.values_list("state", "way", "reason", "made__delivery", "made__seen", "made__reason")
    plain: Counter[str] = Counter()
    left: Counter[str] = Counter()
    stuck: Counter[str] = Counter()
    for state, way, reason, delivery, seen, why, n in counted.annotate(n=Count("pk")):
        where = _where(state, delivery, seen)
        plain[where] += n
        if where == LEFT:
            left[way] += n
        elif where == FAILED:
            stuck[reason or why] += n
    return Progress(
        total=sum(plain.values()),
        done=plain[DONE],
        on_way=plain["on_way"],
        open=plain[OPEN],
        back=plain[BACK],
        left=dict(left),
        stuck=dict(stuck),
    )


def _where(state: str, delivery: str | None, seen: str | None) -> str:
    """Where a step really stands: as far as the writeback that undoes it has come."""
    if state != DONE or delivery is None or (delivery == Delivery.TAKEN and seen == Seen.SEEN):
        return state
    if delivery in (Delivery.QUEUED, Delivery.SENDING, Delivery.UNCERTAIN) or (
        delivery == Delivery.TAKEN and seen == Seen.OWED
    ):
        return "on_way"
    return BACK if delivery == Delivery.RETRACTED else FAILED
