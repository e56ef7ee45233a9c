"""Sets up the demo's practice in the hub as its owner would on the pages: connection, provider, boxes, types.

Must not be in it: what comes in later.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chartbridge import bootstrap
from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS, ActivityKind, Medium
from chartbridge.domain.charts import LookupKind
from chartbridge.pms.connector import Settings
from chartbridge.sandbox.open_dental.sandbox import DEVELOPER_KEY
from chartbridge.store import accounts, settings, tending, tokens
from chartbridge.store.connections import connection_of, save_connection
from chartbridge.store.settings import DocumentChoice, NoteChoice, Option

OWNER = "owner@maple-street.example"

_NOTE_TYPES: dict[Medium, tuple[str, ...]] = {
    Medium.TEXT: ("text",),
    Medium.EMAIL: ("email", "e-mail"),
    Medium.PHONE: ("phone",),
    Medium.INSURANCE: ("insurance",),
    Medium.NOTE: ("misc",),
}
_DOCUMENT_TYPES: dict[ActivityKind, tuple[str, ...]] = {
    ActivityKind.INSURANCE_VERIFICATION: ("insurance",),
    ActivityKind.ACCOUNT_STATEMENT: ("statement",),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """The practice and how to reach it as a person and as a program."""

    practice_id: int
    connection_id: int
    email: str
    password: str
    token: str

    def __repr__(self) -> str:
        return f"Ready(practice={self.practice_id})"


def set_up(*, api_address: str, customer_key: str, images: Path, time_zone: str) -> Ready:
    """Make the practice, or take the one that an earlier demo made in this folder. Raises `PmsError`."""
    known = tending.practices()
    if known:
        practice_id = next(iter(known))
        owner = accounts.people_of(practice_id)[0].user
        password = accounts.new_password(owner)
        accounts.password_was_chosen(owner.pk)
    else:
        password = accounts.one_time_password()
        owner = accounts.create_practice(
            name="Maple Street Dental",
            time_zone=time_zone,
            owner_name="Robin Owner",
            email=OWNER,
            password=password,
        )
        practice_id = accounts.memberships_of(owner.pk)[0].practice_id
    connection_id = _connect(practice_id, api_address, customer_key, images)
    if not known:
        _choose_everything(connection_id)
    token = tokens.create_token(practice_id, "The demo's day", created_by=owner).plain
    return Ready(
        practice_id=practice_id,
        connection_id=connection_id,
        email=owner.email,
        password=password,
        token=token,
    )


def _connect(practice_id: int, api_address: str, customer_key: str, images: Path) -> int:
    held = connection_of(practice_id)
    entered = Settings(
        values={
            **(held.values if held else {"read_mode": "api", "api_mode": "service"}),
            "api_address": api_address,
            "image_folder": str(images),
        },
        secrets={"developer_key": DEVELOPER_KEY, "customer_key": customer_key},
    )
    connection = save_connection(practice_id, "open_dental", entered)
    bootstrap.begin_connection(connection.pk)
    return connection.pk


def _choose_everything(connection_id: int) -> None:
    providers = [o for o in settings.options(connection_id, LookupKind.PROVIDERS) if o.usable]
    settings.save_provider(connection_id, providers[0].key)
    notes = settings.options(connection_id, LookupKind.NOTE_TYPES)
    for kind in NOTE_KINDS:
        key = _named(notes, _NOTE_TYPES[kind.traits.medium])
        settings.save_note_choice(connection_id, NoteChoice(kind=kind, allow=True, note_type_key=key))
    documents = settings.options(connection_id, LookupKind.DOCUMENT_TYPES)
    for kind in DOCUMENT_KINDS:
        key = _named(documents, _DOCUMENT_TYPES[kind])
        choice = DocumentChoice(kind=kind, write=True, read=True, document_type_key=key)
        settings.save_document_choice(connection_id, choice)


def _named(options: list[Option], words: tuple[str, ...]) -> str:
    """Return the usable entry whose name holds one of the words, or else the first usable one."""
    usable = [option for option in options if option.usable]
    for word in words:
        for option in usable:
            if word in option.name.lower():
                return option.key
    return usable[0].key
