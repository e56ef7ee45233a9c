"""Trying every ability without changing anything, and saying in words what works. Must not be in it: raising."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chartbridge.connectors.eaglesoft import lists
from chartbridge.connectors.eaglesoft.client import Database
from chartbridge.connectors.eaglesoft.codec import text
from chartbridge.connectors.eaglesoft.papers import Papers
from chartbridge.connectors.eaglesoft.words import NAME
from chartbridge.domain.charts import LookupKind
from chartbridge.pms.connector import Finding
from chartbridge.pms.errors import PmsError

_ABILITIES = {
    "add_note": "Notes can be written",
    "documents": "The index of documents can be read",
    "set_appointment_status": "Appointment statuses can be set",
}


class _NothingIsKept(Exception):
    """Ends a transaction that must leave nothing."""


def examine(database: Database, papers: Papers) -> list[Finding]:
    """All findings."""
    try:
        version = database.version()
        missing = database.missing()
    except PmsError as error:
        return [_failed("connection", error)]
    found = [
        Finding(
            ability="connection",
            ok=True,
            sentence=f"{NAME} {version or 'of an unknown version'} answers: its database can be read.",
        )
    ]
    for kind in (LookupKind.PROVIDERS, LookupKind.APPOINTMENT_STATUSES, LookupKind.OPERATORIES):
        found += _tried("lookups", lambda kind=kind: lists.lookups(database, kind))  # type: ignore[misc]
    found += [
        Finding(ability=ability, ok=False, sentence=f"{_ABILITIES[ability]}: no, this version lacks {why}.")
        for ability, why in missing.items()
    ]
    found.append(_writing(database))
    found += _tried("add_document", papers.check)
    return found


def _writing(database: Database) -> Finding:
    """Whether a write is let through: one row is set to what it holds, and that is rolled back."""
    if not database.may_write:
        return Finding(
            ability="add_note",
            ok=None,
            sentence=f"Writing is off: Patterson's authorisation for this practice is not entered. {NAME} is read.",
            fix="Ask Patterson to authorise this practice, then enter the statement that you get.",
        )
    try:
        database.check("add_note")
        first = next(iter(database.rows("note_types")), None)
        if first is not None:
            with database.writing() as step:
                step.run(database.text_of("may_write"), [first[1], text(first[0])])
                raise _NothingIsKept
    except _NothingIsKept:
        pass
    except PmsError as error:
        return _failed("add_note", error)
    return Finding(
        ability="add_note", ok=True, sentence=f"{NAME} lets this connection write. Nothing was changed."
    )


def _tried(ability: str, act: Callable[[], object]) -> Iterator[Finding]:
    try:
        act()
    except PmsError as error:
        yield _failed(ability, error)


def _failed(ability: str, error: PmsError) -> Finding:
    return Finding(ability=ability, ok=False, sentence=error.safe_message)
