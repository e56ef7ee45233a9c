"""Who did it, and the trail that every action leaves: securitylog with its hash, signalod, entrylog.

Sources: the vendor's public source 24.3 for the rows and the hash of a log row; the API's wording of its log
rows from the same. Must not be in it: the actions themselves.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from chartbridge.sandbox.open_dental.clock import NONE_DATE, NONE_TIME
from chartbridge.sandbox.open_dental.database import Database, Row
from chartbridge.sandbox.open_dental.words import Permission, Signal

LOG_SOURCE_API = 23
APPT_SOURCE_API = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """A user at a workstation, or (user 0, `developer` set) a program that came by the API."""

    user: int = 1
    computer: str = "FRONTDESK1"
    developer: str = ""

    @property
    def by_api(self) -> bool:
        return bool(self.developer)


FRONT_DESK = Actor()


def log(
    db: Database,
    actor: Actor,
    permission: Permission,
    text: str,
    *,
    patient: int = 0,
    fkey: int = 0,
    previous: str = NONE_TIME,
) -> None:
    """Write a line of the audit trail and the hash that keeps it from showing red."""
    if actor.by_api:
        text = f"{text} " if text else ""
        text += f"Created by {actor.developer} through API."
    now = db.now()
    key = db.insert(
        "securitylog",
        PermType=int(permission),
        UserNum=actor.user,
        LogDateTime=now,
        LogText=text,
        PatNum=patient,
        CompName=actor.computer,
        FKey=fkey,
        LogSource=LOG_SOURCE_API if actor.by_api else 0,
        DateTPrevious=previous,
    )
    words = f"{int(permission)}{actor.user}{now}{text}{patient}" + (previous if previous > NONE_TIME else "")
    digest = hashlib.sha256(words.encode("utf-16-le", "surrogatepass")).digest()
    db.insert("securityloghash", SecurityLogNum=key, LogHash=base64.b64encode(digest).decode())


def signal(
    db: Database, kind: Signal, *, fkey_type: str = "Undefined", fkey: int = 0, date: str = NONE_DATE
) -> None:
    """Tell the other workstations."""
    db.insert(
        "signalod", DateViewing=date, SigDateTime=db.now(), FKey=fkey, FKeyType=fkey_type, IType=int(kind)
    )


def entry(db: Database, actor: Actor, fkey: int) -> None:
    """Note where an appointment came from."""
    source = LOG_SOURCE_API if actor.by_api else 0
    db.insert("entrylog", UserNum=actor.user, FKeyType=0, FKey=fkey, LogSource=source, EntryDateTime=db.now())


def sandbox_hash(row: Row, *columns: str) -> str:
    """Stand in for the vendor's SecurityHash. The real one is salted in a closed part and isn't forged here."""
    words = "|".join(str(row.get(c, "")) for c in columns)
    return "sandbox-" + hashlib.sha256(words.encode()).hexdigest()[:24]
