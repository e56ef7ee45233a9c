"""Sets up the demo's practice in the hub as its owner would on the pages: connection, provider, boxes, types.

Must not be in it: what comes in later.
"""

from __future__ import annotations

from dataclasses import dataclass

from chartbridge import bootstrap
from chartbridge.demo.places import Place
from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS, ActivityKind, Medium
from chartbridge.domain.charts import LookupKind
from chartbridge.domain.schedule import FlowStatus
from chartbridge.pms.connector import Settings
from chartbridge.store import accounts, board, settings, tending, tokens
from chartbridge.store.board import MappingRow
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
_STATUSES: dict[str, dict[str, FlowStatus]] = {
    "eaglesoft": {"arrival:1": FlowStatus.CHECKED_IN, "arrival:2": FlowStatus.IN_OPERATORY},
    "dentrix": {
        "0": FlowStatus.EXPECTED,
        "4": FlowStatus.CHECKED_IN,
        "10": FlowStatus.IN_OPERATORY,
        "11": FlowStatus.READY_FOR_CHECKOUT,
    },
}
"""What the practice of each sandbox means by its statuses, as its owner would say on the Statuses page."""


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


def set_up(place: Place, *, time_zone: str) -> Ready:
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
    connection_id = _connect(practice_id, place)
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


def _connect(practice_id: int, place: Place) -> int:
    held, wanted = connection_of(practice_id), place.entered()
    kept = {k: v for k, v in held.values.items() if k not in place.at_each_start} if held else {}
    entered = Settings(values={**wanted.values, **kept}, secrets=dict(wanted.secrets))
    connection = save_connection(practice_id, place.connector, entered)
    bootstrap.begin_connection(connection.pk)
    _place_statuses(connection.pk, place.connector)
    return connection.pk


def _place_statuses(connection_id: int, connector: str) -> None:
    """Say on which column a status puts somebody, where the PMS itself does not say it."""
    rows = [
        MappingRow(
            status_key=key,
            flow_status=column,
            writes=connector == "dentrix",  # Eaglesoft's arrival statuses are never written
            means_confirmed=False,
            origin="practice",
        )
        for key, column in _STATUSES.get(connector, {}).items()
    ]
    if rows:
        board.save_mappings(connection_id, rows)


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
