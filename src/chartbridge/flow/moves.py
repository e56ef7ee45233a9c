"""Which columns a visit can be moved to from here, and in words why not where it can't.

Must not be in it: the sending of a move (that is writeback), a vendor's name (the manifest has it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chartbridge.domain.schedule import BookingState, FlowStatus
from chartbridge.flow.columns import COLUMNS, LABELS
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.manifest import Manifest
from chartbridge.pms.registry import registry
from chartbridge.store import board as rows

TARGETS: tuple[FlowStatus, ...] = (*COLUMNS, FlowStatus.BROKEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One column of the menu. `status_key` is the PMS status that the move sets; `why_not` a sentence."""

    flow_status: FlowStatus
    status_key: str
    possible: bool
    why_not: str = ""
    fix: str = ""

    @property
    def label(self) -> str:
        """The column's name."""
        return LABELS[self.flow_status]


def moves(
    *,
    state: BookingState,
    column: FlowStatus | None,
    written: Mapping[FlowStatus, str],
    earlier_status: str,
    manifest: Manifest,
) -> list[Move]:
    """Return a Move per column in the board's order, then Broken.

    `written` is the status that a move into a column sets; `earlier_status` the one with which this visit
    was last expected, to which moving back to Expected returns it.
    """
    return [
        _move(target, state=state, column=column, written=written, earlier=earlier_status, manifest=manifest)
        for target in TARGETS
    ]


def choices(connection_id: int, appointment_key: str, column: FlowStatus | None = None) -> list[Move]:
    """Return the moves of one appointment. `column` is where it stands, so that "already there" can be said."""
    connection = rows.connection(connection_id)
    visit = rows.visit(connection_id, appointment_key)
    if connection is None or visit is None:
        return []
    mapped = rows.mappings(connection_id)
    return moves(
        state=visit.state,
        column=column,
        written=written_statuses(mapped),
        earlier_status=_earlier(connection_id, appointment_key, visit.status_key, mapped),
        manifest=registry().manifests[connection.connector],
    )


def written_statuses(mapped: Iterable[rows.MappingRow]) -> dict[FlowStatus, str]:
    """The status that a move into each column sets, as chosen on the Statuses page."""
    return {row.flow_status: row.status_key for row in mapped if row.writes and row.flow_status}


def _earlier(connection_id: int, key: str, present: str, mapped: Iterable[rows.MappingRow]) -> str:
    expected = {row.status_key for row in mapped if row.flow_status in (None, FlowStatus.EXPECTED)}
    seen = [each for each in rows.statuses_seen(connection_id, key) if each != present]
    return next((each for each in reversed(seen) if each in expected), "")


def _move(
    target: FlowStatus,
    *,
    state: BookingState,
    column: FlowStatus | None,
    written: Mapping[FlowStatus, str],
    earlier: str,
    manifest: Manifest,
) -> Move:
    pms = manifest.label

    def no(why: str, fix: str = "") -> Move:
        return Move(flow_status=target, status_key="", possible=False, why_not=why, fix=fix)

    if target is column:
        return no("The patient is already here.")
    if target is FlowStatus.LATE:
        return no("Late is set by the clock: past the start without a check-in.")
    if target is FlowStatus.COMPLETED:
        return no(
            manifest.cannot.get("complete_appointment") or f"Complete the visit in {pms}; Chartbridge can't."
        )
    if target is FlowStatus.BROKEN:
        return no(manifest.cannot.get("break_appointment") or f"Break the visit in {pms}; Chartbridge can't.")
    if not manifest.can_write(CommandKind.SET_APPOINTMENT_STATUS):
        reason = manifest.cannot.get(str(CommandKind.SET_APPOINTMENT_STATUS))
        return no(reason or f"Chartbridge can't set appointment statuses in {pms}.")
    if state is not BookingState.SCHEDULED:
        return no(f"This visit is no longer open in {pms}. Reopen it there first.")
    status_key = (earlier if target is FlowStatus.EXPECTED else "") or written.get(target, "")
    if not status_key:
        return no(f"No {pms} status is chosen for {LABELS[target]}.", fix="settings-statuses")
    return Move(flow_status=target, status_key=status_key, possible=True)
