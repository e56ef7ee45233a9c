"""The tables. One module a subject; what is done with them stands in the store's query modules."""

from chartbridge.store.models.accounts import ApiToken, AuditEntry, Membership, Practice, Role, User
from chartbridge.store.models.activity import Activity, ActivityFile, TurnedDown
from chartbridge.store.models.connection import (
    CallUse,
    Connection,
    DocumentSetting,
    LookupEntry,
    NoteSetting,
    StatusMapping,
    StreamState,
)
from chartbridge.store.models.hub import Hub
from chartbridge.store.models.mirror import (
    MirrorAppointment,
    MirrorBadRow,
    MirrorDocument,
    MirrorPatient,
    MirrorPhoto,
    Notice,
    StatusSighting,
)
from chartbridge.store.models.observation import Observation, PmsShape
from chartbridge.store.models.place import StorePlace
from chartbridge.store.models.proving import (
    DailyRun,
    FindingKind,
    LedgerCheck,
    MailSetting,
    Reconciliation,
    ReconciliationFinding,
    Undoing,
    UndoStep,
)
from chartbridge.store.models.webhook import MessageState, WebhookEndpoint, WebhookMessage
from chartbridge.store.models.writeback import Delivery, Seen, Writeback, WritebackEvent, WriteLease

__all__ = [
    "Activity",
    "ActivityFile",
    "ApiToken",
    "AuditEntry",
    "CallUse",
    "Connection",
    "DailyRun",
    "Delivery",
    "DocumentSetting",
    "FindingKind",
    "Hub",
    "LedgerCheck",
    "LookupEntry",
    "MailSetting",
    "Membership",
    "MessageState",
    "MirrorAppointment",
    "MirrorBadRow",
    "MirrorDocument",
    "MirrorPatient",
    "MirrorPhoto",
    "NoteSetting",
    "Notice",
    "Observation",
    "PmsShape",
    "Practice",
    "Reconciliation",
    "ReconciliationFinding",
    "Role",
    "Seen",
    "StatusMapping",
    "StatusSighting",
    "StorePlace",
    "StreamState",
    "TurnedDown",
    "UndoStep",
    "Undoing",
    "User",
    "WebhookEndpoint",
    "WebhookMessage",
    "WriteLease",
    "Writeback",
    "WritebackEvent",
]
