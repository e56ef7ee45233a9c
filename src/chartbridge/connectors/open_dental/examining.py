"""Trying every ability without changing anything, and saying in words what works.

A permission to write can't be tried without writing; that is said, not guessed. Must not be in it: raising.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from chartbridge.connectors.open_dental.client import OpenDentalApi
from chartbridge.connectors.open_dental.database import Database
from chartbridge.connectors.open_dental.words import PERMISSIONS, UPDATING, VERSION_NEEDED
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.connector import Finding
from chartbridge.pms.errors import Misconfigured, PmsError, Unauthorised
from chartbridge.transport.files import Share

_HARMLESS = frozenset({"SELECT", "USAGE", "SHOW VIEW", "SHOW DATABASES", "PROCESS", "REPLICATION CLIENT"})
COMMAND_WORDS: dict[CommandKind, str] = {
    CommandKind.ADD_NOTE: "Writing notes into the chart",
    CommandKind.ADD_DOCUMENT: "Writing documents into the chart",
    CommandKind.SET_APPOINTMENT_STATUS: "Setting appointment statuses",
    CommandKind.MARK_INSURANCE_VERIFIED: "Marking insurance as verified",
}
_PATHS = {
    "appointment_status": "appointments",
    "patients": "patients/Simple",
    "lookups": "definitions",
}


def examine(database: Database | None, api: OpenDentalApi | None, share: Share) -> Sequence[Finding]:
    """All findings, the database's first."""
    found: list[Finding] = []
    if database is not None:
        found += _database(database)
    if api is not None:
        found += _api(api, reads=database is None)
    else:
        found.append(
            Finding(
                ability="developer_key",
                ok=False,
                sentence="Nothing can be written: the keys of Open Dental's API are not entered.",
                fix="Enter the developer key and the customer key.",
            )
        )
    found.append(_images(share))
    return found


def _database(database: Database) -> Iterator[Finding]:
    try:
        version = database.preferences(["ProgramVersion", "UpdateInProgressOnComputerName"])
    except PmsError as error:
        yield _failed("connection", error)
        return
    program = version.get("ProgramVersion") or "of an unknown version"
    yield Finding(
        ability="connection", ok=True, sentence=f"Open Dental {program} answers: its database can be read."
    )
    if version.get("UpdateInProgressOnComputerName", "").strip():
        yield Finding(ability="connection", ok=False, sentence=UPDATING)
    yield _rights(database)
    yield from _streams(database)


def _streams(database: Database) -> Iterator[Finding]:
    for ability, statement in (
        ("appointment_status", "day_fingerprint"),
        ("patients", "patients_after"),
        ("documents", "documents_after"),
        ("lookups", "providers"),
    ):
        args: dict[str, tuple[str, ...]] = {
            "day_fingerprint": ("1000-01-01", "1000-01-02"),
            "patients_after": (str(2**62),),
            "documents_after": (str(2**62),),
        }
        yield _tried(ability, lambda name=statement, given=args: database.rows(name, given.get(name, ())))  # type: ignore[misc]
    if not database.has_index("histappointment", "HistDateTStamp") and database.random_keys:
        yield Finding(
            ability="appointments",
            ok=False,
            sentence="This version of Open Dental with random keys has no index on its history: changes of other "
            "days than today are found by the scan every quarter of an hour only.",
            fix="Update Open Dental to 24.2.1 or newer.",
        )


def _rights(database: Database) -> Finding:
    try:
        grants = database.grants()
    except PmsError as error:
        return _failed("rights", error)
    excess = excess_rights(grants)
    if excess:
        return Finding(
            ability="rights",
            ok=False,
            sentence=f"The database user can do more than read: {', '.join(excess)}.",
            fix="Give it SELECT on Open Dental's database and nothing else. Chartbridge never writes there.",
        )
    return Finding(ability="rights", ok=True, sentence="The database user can read and do nothing else.")


def excess_rights(grants: Sequence[str]) -> list[str]:
    """What a user may do beyond reading, from SHOW GRANTS."""
    excess: dict[str, None] = {}
    for grant in grants:
        match = re.match(r"GRANT (.+?) ON ", grant, re.I)
        for right in re.sub(r"\([^)]*\)", "", match.group(1)).split(",") if match else ():
            if right.strip().upper() not in _HARMLESS:
                excess[right.strip().upper()] = None
        if " WITH GRANT OPTION" in grant.upper():
            excess["GRANT OPTION"] = None
    return list(excess)


def _api(api: OpenDentalApi, *, reads: bool) -> Iterator[Finding]:
    try:
        version = api.version()
    except PmsError as error:
        yield _failed("connection" if reads else "api_address", error)
        return
    words = ".".join(map(str, version))
    yield Finding(
        ability="connection" if reads else "api_address",
        ok=True,
        sentence=f"Open Dental's API answers and accepts the keys (Open Dental {words}).",
    )
    if reads:
        for ability, path in _PATHS.items():
            yield _tried(
                ability,
                lambda where=path, what=ability: api.items(where, ability=what, Limit="1"),  # type: ignore[misc]
            )
    for kind, label in COMMAND_WORDS.items():
        needed = VERSION_NEEDED[kind.value]
        if version < needed:
            yield Finding(
                ability=kind.value,
                ok=False,
                sentence=f"{label} needs Open Dental {'.'.join(map(str, needed))} or newer.",
                fix="Ask the office to update Open Dental.",
            )
        else:
            yield Finding(
                ability=kind.value,
                ok=None,
                sentence=f"{label} can't be tried without writing. It needs the key's permission "
                f"{PERMISSIONS[kind.value]}.",
            )


def _images(share: Share) -> Finding:
    if share.there():
        return Finding(ability="image_folder", ok=True, sentence="The folder of images can be read.")
    return Finding(
        ability="image_folder",
        ok=None,
        sentence="The folder of images is not set or not mounted: photos and documents in files can't be shown.",
        fix="Mount Open Dental's A to Z folder on this machine and enter its path.",
    )


_ABILITY_WORDS = {
    "appointment_status": "Appointments and their statuses can be read.",
    "patients": "Patients can be read.",
    "documents": "The lists of photos and documents can be read.",
    "lookups": "Providers, note types and the other lists can be read.",
}


def _tried(ability: str, attempt: Callable[[], object]) -> Finding:
    try:
        attempt()
    except PmsError as error:
        return _failed(ability, error)
    return Finding(ability=ability, ok=True, sentence=_ABILITY_WORDS[ability])


def _failed(ability: str, error: PmsError) -> Finding:
    if isinstance(error, Misconfigured):
        ability = error.setting
    fix = "Ask whoever looks after Open Dental." if isinstance(error, Unauthorised) else ""
    return Finding(ability=ability, ok=False, sentence=error.safe_message, fix=fix)
