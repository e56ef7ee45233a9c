"""Takes activities in: checked, given to their patient, kept with their writebacks in one transaction.

When `accept` returns, the activity is durable: acknowledge it only then. The same key twice gives the first
result again. Rooms beside this one are not known here, so what becomes of an activity (`enqueue`, which is
`writeback.enqueue.enqueue_many`) is handed in; `Intake` holds it for a caller.
Must not be in it: HTTP, what a writeback needs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.db import IntegrityError

from chartbridge.domain.clock import Clock
from chartbridge.intake.checking import Checked, check, check_idempotency_key, check_patient_number
from chartbridge.intake.new import BadActivity, KeyReused, NewActivity
from chartbridge.intake.people import Match, match
from chartbridge.store import activities
from chartbridge.store.board import front_connection
from chartbridge.store.database import writing
from chartbridge.store.models import Activity, Delivery, Writeback

__all__ = ["Accepted", "BadActivity", "Intake", "KeyReused", "NewActivity", "accept", "accept_many", "assign"]

Enqueue = Callable[[Sequence[Activity], str], list[list[Writeback]]]
CHUNK = 50  # one transaction: others who write get their turn between two


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A kept activity and its writebacks. `duplicate`: it was kept before, under the same key."""

    activity: Activity
    writebacks: list[Writeback]
    duplicate: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One of many, with its own key."""

    new: NewActivity
    idempotency_key: str | None = None


Outcome = Accepted | BadActivity | KeyReused


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """`accept` and its kin with what a caller always hands in; made once."""

    enqueue: Enqueue
    clock: Clock

    def accept(
        self, practice_id: int, new: NewActivity, *, source: str, who: str, idempotency_key: str | None = None
    ) -> Accepted:
        """Do what the function `accept` does."""
        return accept(
            practice_id,
            new,
            source=source,
            who=who,
            idempotency_key=idempotency_key,
            clock=self.clock,
            enqueue=self.enqueue,
        )

    def accept_many(self, practice_id: int, items: Sequence[Item], *, source: str, who: str) -> list[Outcome]:
        """Do what the function `accept_many` does."""
        return accept_many(practice_id, items, source=source, who=who, clock=self.clock, enqueue=self.enqueue)

    def assign(self, practice_id: int, activity_id: int, patient_key: str, *, who: str) -> Accepted | None:
        """Do what the function `assign` does."""
        return assign(practice_id, activity_id, patient_key, who=who, clock=self.clock)


def accept(
    practice_id: int,
    new: NewActivity,
    *,
    source: str,
    who: str,
    idempotency_key: str | None = None,
    clock: Clock,
    enqueue: Enqueue,
) -> Accepted:
    """Keep an activity. Raises `BadActivity` or `KeyReused`, and then nothing was kept.

    `source` is whose idempotency keys they are: `api:<token id>`, `user:<user id>`. `who` is for the ledger.
    """
    ready = _Ready(practice_id, new, source, idempotency_key, clock)
    try:
        ready.check()
    except BadActivity:
        if earlier := ready.earlier():  # rules may have grown stricter since
            return earlier
        raise
    try:
        with writing():
            activities.keep(ready.checked.activity, ready.checked.file)
            (made,) = _enqueue([ready], enqueue, who)
            return Accepted(activity=ready.checked.activity, writebacks=made)
    except IntegrityError:
        # The key is taken. Looked for only now: the same key twice is rare.
        if earlier := ready.earlier():
            return earlier
        raise


def accept_many(
    practice_id: int, items: Sequence[Item], *, source: str, who: str, clock: Clock, enqueue: Enqueue
) -> list[Outcome]:
    """Keep many; each ends by itself, in the order given. A bad one costs the others nothing."""
    outcomes: list[Outcome] = []
    for chunk in _chunks(items):
        outcomes += _accept_chunk(practice_id, chunk, source=source, who=who, clock=clock, enqueue=enqueue)
    return outcomes


def assign(
    practice_id: int, activity_id: int, patient_key: str, *, who: str, clock: Clock
) -> Accepted | None:
    """Say whose a held activity is and let it go on its way; None where there is no such nameless activity."""
    key = check_patient_number(patient_key)
    activity = activities.give_to_patient(practice_id, activity_id, key, who=who, at=clock.now())
    if activity is None:
        return None
    return Accepted(activity=activity, writebacks=activities.writebacks_of(activity))


class _Ready:
    """One activity between being told and being kept."""

    checked: Checked
    match: Match | None = None

    def __init__(
        self, practice_id: int, new: NewActivity, source: str, key: str | None, clock: Clock
    ) -> None:
        self.key = check_idempotency_key(key) if key is not None else None
        self.digest = request_digest(new)
        self._practice_id = practice_id
        self._new = new
        self._source = source
        self._clock = clock

    def earlier(self, known: Activity | None = None) -> Accepted | None:
        """Return what was accepted before under this key. Raises `KeyReused` if that was something else."""
        if self.key is None:
            return None
        row = known or activities.by_key(self._practice_id, self._source, self.key)
        if row is None:
            return None
        if row.request_digest != self.digest:
            raise KeyReused(
                "This Idempotency-Key was used before for another activity. "
                "Send each activity with a key of its own, and the same activity with the same key."
            )
        return Accepted(activity=row, writebacks=activities.writebacks_of(row), duplicate=True)

    def check(self) -> None:
        """Make it ready to be kept. Raises `BadActivity`."""
        self.checked = check(self._practice_id, self._new, now=self._clock.now())
        row = self.checked.activity
        row.source, row.idempotency_key, row.request_digest = self._source, self.key, self.digest
        if not row.patient_key:
            connection = front_connection(self._practice_id)
            self.match = match(connection.pk if connection else None, phone=row.phone, email=row.email)
            row.patient_key = self.match.patient_key


def _enqueue(ready: Sequence[_Ready], enqueue: Enqueue, who: str) -> list[list[Writeback]]:
    """Let the writebacks be made; those of a nameless activity say what a person has to answer."""
    made = enqueue([one.checked.activity for one in ready], who)
    for one, writebacks in zip(ready, made, strict=True):
        if one.match and one.match.code:
            held = [w for w in writebacks if w.delivery == Delivery.HELD]
            activities.say_why_held(held, one.match.code, one.match.sentence)
    return made


def _accept_chunk(
    practice_id: int, items: Sequence[Item], *, source: str, who: str, clock: Clock, enqueue: Enqueue
) -> list[Outcome]:
    outcomes: list[Outcome | None] = [None] * len(items)
    known = activities.by_keys(practice_id, source, [i.idempotency_key for i in items if i.idempotency_key])
    ready: dict[int, _Ready] = {}
    for index, item in enumerate(items):
        try:
            one = _Ready(practice_id, item.new, source, item.idempotency_key, clock)
            earlier = one.earlier(known[one.key]) if one.key in known else None
            if earlier:
                outcomes[index] = earlier
                continue
            one.check()
            ready[index] = one
        except (BadActivity, KeyReused) as turned_down:
            outcomes[index] = turned_down
    try:
        with writing():
            activities.keep_all([(r.checked.activity, r.checked.file) for r in ready.values()])
            made = _enqueue(list(ready.values()), enqueue, who)
        for (index, one), writebacks in zip(ready.items(), made, strict=True):
            outcomes[index] = Accepted(activity=one.checked.activity, writebacks=writebacks)
    except IntegrityError:
        # Someone kept one of these keys meanwhile: take them one by one.
        for index in ready:
            outcomes[index] = _alone(practice_id, items[index], source, who, clock, enqueue)
    return [outcome for outcome in outcomes if outcome is not None]


def _alone(practice_id: int, item: Item, source: str, who: str, clock: Clock, enqueue: Enqueue) -> Outcome:
    try:
        return accept(
            practice_id,
            item.new,
            source=source,
            who=who,
            idempotency_key=item.idempotency_key,
            clock=clock,
            enqueue=enqueue,
        )
    except (BadActivity, KeyReused) as turned_down:
        return turned_down


def _chunks(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut into pieces none of which has the same key twice, so that the second finds the first kept."""
    chunk: list[Item] = []
    keys: set[str] = set()
    for item in items:
        if len(chunk) == CHUNK or item.idempotency_key in keys:
            yield chunk
            chunk, keys = [], set()
        chunk.append(item)
        if item.idempotency_key is not None:
            keys.add(item.idempotency_key)
    if chunk:
        yield chunk


def request_digest(new: NewActivity) -> str:
    """Return a digest that tells one request from another, before anything is filled in or cleaned."""
    told = {field.name: getattr(new, field.name) for field in dataclasses.fields(new)}
    told["file_content"] = new.file_content.sha256 if new.file_content else ""
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
