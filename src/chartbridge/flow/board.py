"""The board: a day's visits as cards in six columns.

Rows come from `store.board`, places from `columns`; here they are put together with what was wished and
not yet seen in the PMS. Must not be in it: HTML, ORM calls, the rules of a column.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from chartbridge.domain.charts import LookupKind
from chartbridge.domain.schedule import Appointment, BookingState, FlowStatus
from chartbridge.flow.columns import COLUMNS, LABELS, Place, column_of, minutes_since
from chartbridge.pms.registry import registry
from chartbridge.store import board as rows
from chartbridge.store.models import Connection, Delivery, Practice, Seen

ON_ITS_WAY = frozenset({Delivery.QUEUED, Delivery.SENDING, Delivery.UNCERTAIN})
STUCK = frozenset({Delivery.REFUSED, Delivery.PARKED, Delivery.HELD})
_LAST = 10**14 - 1


class Mark(StrEnum):
    """What is going on with a wish for a card."""

    NONE = "none"
    PENDING = "pending"
    STUCK = "stuck"


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One visit. `waiting` are whole minutes in the column (for Late: past the start).

    `status_text` is the PMS's own word. `unplaced` is True where nobody has said what it means.
    `wish_text` is the PMS's word for the status that a person asked for; `mark_reason` why it is stuck.
    `order` is where it stands in its column: the lower the higher up, whatever the time is by now.
    """

    key: str
    patient_key: str
    name: str
    initials: str
    photo_version: str
    starts: datetime
    minutes: int
    provider: str
    colour: str
    operatory: str
    reason: str
    status_key: str
    status_text: str
    column: FlowStatus | None
    waiting: int | None
    is_new_patient: bool
    unplaced: bool
    mark: Mark = Mark.NONE
    mark_reason: str = ""
    mark_code: str = ""
    writeback_id: int = 0
    wish_key: str = ""
    wish_text: str = ""
    order: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of the board."""

    status: FlowStatus
    label: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """The day, or as much of it as was asked for.

    `later` are the visits after the next hour that are not shown, by key; `apart` are unplaced ones.
    """

    day: date
    now_local: datetime
    whole_day: bool
    columns: tuple[Column, ...]
    broken: tuple[Card, ...] = ()
    apart: tuple[Card, ...] = ()
    later: tuple[str, ...] = ()
    pms: str = ""
    connection_id: int = 0
    show_photos: bool = False
    freshness: rows.StatusFreshness | None = None

    @property
    def visits(self) -> int:
        """How many visits the day has, shown or not."""
        return sum(len(c.cards) for c in self.columns) + len(self.apart) + len(self.broken) + len(self.later)

    def card(self, key: str) -> Card | None:
        """The card of an appointment, wherever it stands."""
        everywhere = (*(card for column in self.columns for card in column.cards), *self.broken, *self.apart)
        return next((card for card in everywhere if card.key == key), None)


def board(
    practice_id: int, now: datetime, whole_day: bool = False, only: Collection[str] | None = None
) -> Board:
    """Return the board of a practice at `now` (aware). An empty board without a connection.

    `only` these visits' cards are on it, if given: what moves a few reads a few, however busy the day.
    """
    practice = Practice.objects.get(pk=practice_id)
    now_local = now.astimezone(ZoneInfo(practice.time_zone)).replace(tzinfo=None)
    connection = rows.front_connection(practice_id)
    if connection is None:
        empty = tuple(Column(status=each, label=LABELS[each], cards=()) for each in COLUMNS)
        return Board(day=now_local.date(), now_local=now_local, whole_day=whole_day, columns=empty)
    visits = rows.visits_of_day(connection.pk, now_local.date(), only)
    return _of(connection, visits, now, now_local, whole_day)


def _of(
    connection: Connection, visits: Sequence[Appointment], now: datetime, now_local: datetime, whole_day: bool
) -> Board:
    fresh = rows.freshness(connection)
    desk = _Desk(
        now_local=now_local,
        pms=registry().manifests[connection.connector].label,
        read_at=fresh.read_at,
        people=rows.people(connection.pk, [each.patient_key for each in visits]),
        providers=rows.lookup_entries(connection.pk, LookupKind.PROVIDERS),
        operatories=rows.lookup_entries(connection.pk, LookupKind.OPERATORIES),
        statuses=rows.lookup_entries(connection.pk, LookupKind.APPOINTMENT_STATUSES),
        chosen={row.status_key: row.flow_status for row in rows.mappings(connection.pk)},
        since=rows.status_times(connection.pk, visits),
        wishes=rows.wishes(connection.pk, [each.patient_key for each in visits], now - timedelta(days=1)),
    )
    columns: dict[FlowStatus | None, list[Card]] = {}
    later: list[str] = []
    for visit in visits:
        place = desk.place(visit)
        if place is None:
            continue
        if place.later and not whole_day and visit.key not in desk.wishes:
            later.append(visit.key)
            continue
        columns.setdefault(place.column, []).append(desk.card(visit, place))
    return Board(
        day=now_local.date(),
        now_local=now_local,
        whole_day=whole_day,
        columns=tuple(
            Column(status=each, label=LABELS[each], cards=_sorted(columns.get(each, []))) for each in COLUMNS
        ),
        broken=tuple(columns.get(FlowStatus.BROKEN, [])),
        apart=tuple(columns.get(None, [])),
        later=tuple(later),
        pms=desk.pms,
        connection_id=connection.pk,
        show_photos=connection.show_photos,
        freshness=fresh,
    )


def _sorted(cards: Sequence[Card]) -> tuple[Card, ...]:
    return tuple(sorted(cards, key=lambda card: card.order))


def _order(visit: Appointment, place: Place) -> str:
    """Longest waiting first where people wait, newest first where they are done, else by time.

    A text, so that the page puts a single card between the others as the whole board would. Nothing in it goes by
    the clock: the order of two cards stays while they do.
    """
    starts = _number(visit.starts_local)
    if place.column in (FlowStatus.CHECKED_IN, FlowStatus.READY_FOR_CHECKOUT):
        first = _number(place.since) if place.since else _LAST
    else:
        first = _LAST - starts if place.column is FlowStatus.COMPLETED else starts
    return f"{first:014d} {starts:014d} {visit.key:0>12}"


def _number(wall: datetime) -> int:
    return int(f"{wall:%Y%m%d%H%M%S}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Desk:
    """Everything that is needed to make a card of a visit."""

    now_local: datetime
    pms: str
    read_at: datetime | None
    people: Mapping[str, rows.Person]
    providers: Mapping[str, rows.Entry]
    operatories: Mapping[str, rows.Entry]
    statuses: Mapping[str, rows.Entry]
    chosen: Mapping[str, FlowStatus | None]
    since: Mapping[str, datetime]
    wishes: Mapping[str, rows.Wish] = field(default_factory=dict)

    def place(self, visit: Appointment) -> Place | None:
        """Where the card stands: where the PMS shows the visit, or where a person has just moved it."""
        wished = self._open_wish(visit)
        if wished is not None and not _stuck(wished):
            column = self.chosen.get(wished.status_key)
            if column not in (None, FlowStatus.EXPECTED, FlowStatus.LATE):
                return Place(column=column)
            if column is FlowStatus.EXPECTED:
                moved = visit._replace(status_key=wished.status_key)
                return column_of(moved, self.chosen, self.now_local)
        return column_of(visit, self.chosen, self.now_local, status_since=self.since.get(visit.key))

    def card(self, visit: Appointment, place: Place) -> Card:
        """The card."""
        person = self.people.get(visit.patient_key)
        provider = self.providers.get(visit.provider_key) or self.providers.get(visit.hygienist_key)
        operatory = self.operatories.get(visit.operatory_key)
        wished = self._open_wish(visit)
        mark = Mark.NONE
        if wished is not None and wished.seen != Seen.SEEN:
            mark = Mark.STUCK if _stuck(wished) else Mark.PENDING
        return Card(
            key=visit.key,
            patient_key=visit.patient_key,
            name=person.name if person else f"Patient {visit.patient_key}",
            initials=person.initials if person else "?",
            photo_version=person.photo_version if person else "",
            starts=visit.starts_local,
            minutes=visit.minutes,
            provider=(provider.short or provider.name) if provider else "",
            colour=provider.colour if provider else "",
            operatory=(operatory.short or operatory.name) if operatory else "",
            reason=visit.reason,
            status_key=visit.status_key,
            status_text=self._status_text(visit, wished),
            column=place.column,
            waiting=minutes_since(place.since, self.now_local),
            is_new_patient=visit.is_new_patient,
            unplaced=self._unplaced(visit),
            mark=mark,
            mark_reason=wished.reason if wished and mark is Mark.STUCK else "",
            mark_code=wished.reason_code if wished and mark is Mark.STUCK else "",
            writeback_id=wished.writeback_id if wished else 0,
            wish_key=wished.status_key if wished else "",
            wish_text=self._name_of(wished.status_key) if wished else "",
            order=_order(visit, place),
        )

    def _open_wish(self, visit: Appointment) -> rows.Wish | None:
        """The wish that the mirror doesn't show yet; a wish read back counts until the mirror was read again."""
        wish = self.wishes.get(visit.key)
        if wish is None or wish.delivery in (Delivery.RETRACTED, Delivery.SKIPPED):
            return None
        if wish.status_key == visit.status_key:
            return None
        if wish.delivery in ON_ITS_WAY or wish.delivery in STUCK:
            return wish
        if wish.seen == Seen.SEEN and wish.seen_at and self.read_at and self.read_at > wish.seen_at:
            return None
        return wish

    def _unplaced(self, visit: Appointment) -> bool:
        if visit.state is BookingState.UNKNOWN:
            return True
        return (
            visit.state is BookingState.SCHEDULED
            and bool(visit.status_key)
            and visit.status_key not in self.chosen
        )

    def _status_text(self, visit: Appointment, wished: rows.Wish | None) -> str:
        """The PMS's word. A wish that was read back is what the PMS shows, though the mirror is behind."""
        if wished is not None and wished.seen == Seen.SEEN:
            return self._name_of(wished.status_key)
        if visit.state is BookingState.UNKNOWN:
            return f"State {visit.state_raw or 'without a value'}"
        if visit.status_key and visit.status_key not in self.statuses:
            return visit.status_key
        return self._name_of(visit.status_key)

    def _name_of(self, status_key: str) -> str:
        entry = self.statuses.get(status_key)
        if entry is not None:
            return entry.name
        return f"Status {status_key}" if status_key else ""


def _stuck(wish: rows.Wish) -> bool:
    return wish.delivery in STUCK or wish.seen == Seen.MISSING
