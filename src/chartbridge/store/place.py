"""Where this store lives, so that a copy of it, or one put back from a backup, knows that it is one.

Three things give it away. The place: machine, file and folder, or cluster and database. The mark, a small file
beside the database with the number of the newest entry in the ledger: a store that is behind its mark was set
back. And what `chartbridge backup` and `restore` write into a copy. A machine that was started anew may have
been set back as a whole, with its mark: that is told apart, because it mostly was not.
Must not be in it: what follows from it (writeback.whereabouts).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from chartbridge.store.database import writing
from chartbridge.store.models import StorePlace, WritebackEvent

_MACHINE = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_BOOT = "/proc/sys/kernel/random/boot_id"


class Moved(StrEnum):
    """How a store stands to the one that was here before."""

    NEW = "new"
    SAME = "same"
    BOOTED = "booted"  # the same place, on a machine that was started anew
    COPIED = "copied"  # another place: a copy, or a restored file
    SET_BACK = "set_back"  # the same place, with less in the ledger than there was


def settle_in(now: datetime) -> Moved:
    """Say how the store came here, and take this for its place from now on.

    Whoever calls it does what follows in the same transaction, and sets the mark anew behind it.
    """
    with writing():
        row = StorePlace.objects.select_for_update().first()
        facts, boot = _facts(), _read(_BOOT)
        moved = _compare(row, facts, boot)
        if moved is not Moved.SAME:
            row = row or StorePlace()
            row.facts, row.boot, row.copied_from, row.since = facts, boot, "", now
            row.save()
    return moved


def here() -> str:
    """Name this data folder on this machine since it was started: a cloned machine, a copied folder and a machine of
    the same name are told by another one."""
    machine = next((text for text in map(_read, _MACHINE) if text), "")
    return hashlib.sha256(f"{_read(_BOOT)} {machine} {_folder()}".encode()).hexdigest()[:32]


def is_behind() -> bool:
    """Whether the store holds less than the mark beside it says."""
    mark = _mark()  # first: another process may set it between the two
    return _newest() < mark


def keep_mark(*, anew: bool = False) -> None:
    """Set the mark to the newest entry of the ledger. Called after commits, so it is never ahead of a true store."""
    newest = _newest()
    if newest > _mark() or anew:
        file = _mark_file()
        written = file.with_suffix(".new")
        written.write_text(f"{newest}\n")
        written.replace(file)


def mark_as_copy(kind: str, now: datetime) -> None:
    """Let the store know that it is a copy: at the next start it takes nothing for granted."""
    with writing():
        row = StorePlace.objects.first() or StorePlace()
        row.copied_from, row.since = kind, now
        row.save()


def _compare(row: StorePlace | None, facts: dict[str, str], boot: str) -> Moved:
    if row is None:
        return Moved.NEW
    if row.copied_from or row.facts != facts:
        return Moved.COPIED
    if is_behind():
        return Moved.SET_BACK
    return Moved.SAME if row.boot == boot else Moved.BOOTED


def _facts() -> dict[str, str]:
    if connection.vendor == "postgresql":
        return _cluster()
    machine = next((text for text in map(_read, _MACHINE) if text), "")
    file = os.stat(str(connection.settings_dict["NAME"]))
    return {"machine": machine, "file": str(file.st_ino), "folder": _folder()}


def _cluster() -> dict[str, str]:
    """A database that was made anew has another number; a cluster that was, another identity or timeline."""
    facts: dict[str, str] = {}
    for name, sql in (
        ("database", "SELECT oid FROM pg_database WHERE datname = current_database()"),
        ("cluster", "SELECT system_identifier FROM pg_control_system()"),
        ("timeline", "SELECT timeline_id FROM pg_control_checkpoint()"),
    ):
        with contextlib.suppress(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
            facts[name] = str(cursor.fetchone()[0])
    return facts


def _folder() -> str:
    """A file that is made once and never written again: whoever copies the folder makes it anew, and it shows."""
    file = Path(settings.DATA_DIR) / "place"
    if not file.exists():
        file.write_text(f"{secrets.token_hex(16)}\n")
    told = file.stat()
    return f"{file.read_text().strip()}:{told.st_ino}:{told.st_ctime_ns}"


def _newest() -> int:
    return WritebackEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


def _mark_file() -> Path:
    return Path(settings.DATA_DIR) / "place.mark"


def _mark() -> int:
    text = _read(str(_mark_file()))
    return int(text) if text.isdigit() else 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
