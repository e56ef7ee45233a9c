"""Draws the table of moves as docs/writeback-states.md, so that the page can't say anything else than the code.

Must not be in it: any move.
"""

from __future__ import annotations

from collections import defaultdict

from chartbridge.store.models import Delivery, Seen
from chartbridge.writeback.states import STATES, TABLE, State

_HEAD = """# The moves of a writeback

Made from `writeback/states.py`; a test holds it current (`CHARTBRIDGE_WRITE_DOCS=1` makes it anew).
A writeback is done when it stands at *In the PMS, read back*. Every arrow that is taken is an entry of the ledger.

"""


def drawing() -> str:
    """Return the page."""
    arrows: dict[tuple[State, State], list[str]] = defaultdict(list)
    for (state, event), after in TABLE.items():
        if state != after:
            arrows[state, after].append(event.value)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    {_name(s)}: {_label(s)}" for s in STATES if s.delivery]
    lines += [f"    {_name(a)} --> {_name(b)}: {', '.join(events)}" for (a, b), events in arrows.items()]
    rows = ["| from | move | to |", "|---|---|---|"]
    rows += [f"| {_label(s)} | {event.value} | {_label(after)} |" for (s, event), after in TABLE.items()]
    return _HEAD + "\n".join([*lines, "```", "", *rows, ""])


def _name(state: State) -> str:
    if state.delivery is None:
        return "[*]"
    return (
        f"{state.delivery.value}_{state.seen.value}"
        if state.delivery == Delivery.TAKEN
        else state.delivery.value
    )


def _label(state: State) -> str:
    if state.delivery is None:
        return "(new)"
    label = str(state.delivery.label)
    return f"{label}, {Seen(state.seen).label.lower()}" if state.delivery == Delivery.TAKEN else label
