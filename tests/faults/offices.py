"""`python -m tests.faults.offices`: makes practices in a hub's data folder, as their owners would on the pages.

A process of its own, because a data folder is fixed when the product is imported. JSON in, JSON out.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def make(wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make a practice for each: connected, a provider chosen, every kind allowed, a token for a program."""
    from chartbridge import bootstrap

    bootstrap.prepare()
    bootstrap.make_data_folder()
    bootstrap.migrate()
    from chartbridge.pms.connector import Settings
    from chartbridge.pms.reading import Stream
    from chartbridge.store import accounts, tokens
    from chartbridge.store.connections import save_connection
    from chartbridge.store.streams import save_stream_setting

    made = []
    for number, each in enumerate(wanted, start=1):
        owner = accounts.create_practice(
            name=f"Practice {number}",
            time_zone="UTC",
            owner_name="Robin Owner",
            email=f"owner{number}@practice.example",
            password="Only 8741 for these tests",
        )
        practice_id = accounts.memberships_of(owner.pk)[0].practice_id
        link = save_connection(
            practice_id, "open_dental", Settings(values=each["values"], secrets=each["secrets"])
        )
        bootstrap.begin_connection(link.pk)
        _allow_everything(link.pk)
        for stream in (Stream.PATIENTS, Stream.APPOINTMENT_STATUS):
            save_stream_setting(link.pk, stream, True, each["interval"])
        token = tokens.create_token(practice_id, "A program", created_by=owner).plain
        made.append({"practice_id": practice_id, "connection_id": link.pk, "token": token})
    return made


def _allow_everything(connection_id: int) -> None:
    from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS
    from chartbridge.domain.charts import LookupKind
    from chartbridge.store import settings
    from chartbridge.store.settings import DocumentChoice, NoteChoice

    def first(kind: LookupKind) -> str:
        return next(option.key for option in settings.options(connection_id, kind) if option.usable)

    settings.save_provider(connection_id, first(LookupKind.PROVIDERS))
    for kind in NOTE_KINDS:
        choice = NoteChoice(kind=kind, allow=True, note_type_key=first(LookupKind.NOTE_TYPES))
        settings.save_note_choice(connection_id, choice)
    for kind in DOCUMENT_KINDS:
        paper = DocumentChoice(
            kind=kind, write=True, read=False, document_type_key=first(LookupKind.DOCUMENT_TYPES)
        )
        settings.save_document_choice(connection_id, paper)


if __name__ == "__main__":
    json.dump(make(json.load(sys.stdin)), sys.stdout)
