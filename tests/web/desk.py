"""A practice whose Open Dental has been connected and its lists read, for the tests of the settings pages."""

from __future__ import annotations

from datetime import UTC, datetime

from django.test import Client

from chartbridge.flow.mapping import default_mappings
from chartbridge.pms.registry import registry
from chartbridge.store.models import Connection, LookupEntry, Membership, Practice, Role, User
from chartbridge.store.secrets import seal
from chartbridge.store.streams import ensure_states

PASSWORD = "a long enough pass phrase"
PROVIDERS = [
    ("1", "DOC1", "Dr. Elena Marsh", True),
    ("9", "DOC9", "Dr. Paul Nguyen", True),
    ("7", "OLD", "Gone Doc", False),
]
NOTE_TYPES = [("224", "ApptRelated"), ("228", "Misc"), ("300", "Text message")]
DOCUMENT_TYPES = [("135", "Statements"), ("136", "Insurance")]
STATUSES = [
    ("19", "Unconfirmed", ["unconfirmed"], "#ffffff"),
    ("20", "Called", [], "#ffe0b2"),
    ("21", "Confirmed", ["confirmed"], "#b2ebb2"),
    ("22", "Arrived", ["arrived"], "#ffd54f"),
    ("23", "In treatment room", ["seated"], "#90caf9"),
    ("24", "Checked out", ["dismissed"], "#cfd8dc"),
]


def connect(practice: Practice) -> Connection:
    """Give a practice a connection with its lists, streams and statuses."""
    connection = Connection.objects.create(
        practice=practice,
        connector="open_dental",
        values={"read_mode": "api", "api_mode": "service", "api_address": "http://127.0.0.1:1/api/v1/"},
        secrets=seal({"developer_key": "first-developer-key", "customer_key": "first-customer-key"}),
        connected_at=datetime.now(UTC),
    )
    rows = [("providers", k, n, s, a, [], "") for k, s, n, a in PROVIDERS]
    rows += [("note_types", k, n, "", True, [], "") for k, n in NOTE_TYPES]
    rows += [("document_types", k, n, "", True, [], "") for k, n in DOCUMENT_TYPES]
    rows += [("appointment_statuses", k, n, "", True, m, c) for k, n, m, c in STATUSES]
    for order, (kind, key, name, short, active, meaning, colour) in enumerate(rows):
        LookupEntry.objects.create(
            connection=connection,
            kind=kind,
            key=key,
            name=name,
            short=short,
            active=active,
            meaning=meaning,
            colour=colour,
            order=order,
        )
    default_mappings(connection.pk)
    ensure_states(connection, registry().manifests["open_dental"])
    return connection


def person(practice: Practice, role: Role, name: str = "") -> User:
    """Somebody with a role."""
    name = name or str(role)
    user = User.objects.create_user(username=name, email=f"{name}@example.com", password=PASSWORD)
    Membership.objects.create(user=user, practice=practice, role=role)
    return user


def at_desk(user: User) -> Client:
    """A browser in which that person is signed in; its requests are htmx's."""
    client = Client(headers={"HX-Request": "true"})
    client.force_login(user)
    return client
