"""The settings pages' words for things that have names in the code only: streams, commands, audit entries.

Must not be in it: sentences that only one page uses.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chartbridge.domain.schedule import FlowStatus
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.reading import Stream

Words = str | Promise

STREAMS: dict[str, Words] = {
    Stream.APPOINTMENT_STATUS: _("Appointment Status"),
    Stream.APPOINTMENTS: _("Appointments"),
    Stream.PATIENTS: _("Patients"),
    Stream.PHOTOS: _("Photos"),
    Stream.DOCUMENTS: _("Documents"),
    Stream.LOOKUPS: _("Lists"),
}
COMMANDS: dict[str, Words] = {
    CommandKind.ADD_NOTE: _("Writing notes"),
    CommandKind.ADD_DOCUMENT: _("Writing documents"),
    CommandKind.SET_APPOINTMENT_STATUS: _("Setting an appointment's status"),
    CommandKind.MARK_INSURANCE_VERIFIED: _("Marking insurance as verified"),
}
ABILITIES: dict[str, Words] = {
    **STREAMS,
    **COMMANDS,
    "connection": _("Connection"),
    "rights": _("Rights"),
}
FLOW: dict[str, Words] = {
    FlowStatus.EXPECTED: _("Expected Today"),
    FlowStatus.LATE: _("Late"),
    FlowStatus.CHECKED_IN: _("Checked in"),
    FlowStatus.IN_OPERATORY: _("Operatories"),
    FlowStatus.READY_FOR_CHECKOUT: _("Ready for Check-out"),
    FlowStatus.COMPLETED: _("Completed"),
    FlowStatus.BROKEN: _("Broken"),
}
MEANINGS: dict[str, Words] = {
    "arrived": _("arrived"),
    "seated": _("seated"),
    "dismissed": _("dismissed"),
    "confirmed": _("confirmed"),
    "unconfirmed": _("unconfirmed"),
}

AUDIT_GROUPS: dict[str, Words] = {
    "writeback": _("Writing"),
    "sync": _("Reading"),
    "connection": _("Connection"),
    "statuses": _("Statuses"),
    "people": _("People"),
    "token": _("API tokens"),
    "webhook": _("Webhooks"),
    "profile": _("Profiles"),
    "patient": _("Patients"),
    "document": _("Documents"),
    "flow": _("Patient Flow"),
    "drift": _("Changes in the PMS"),
    "reconciliation": _("Reconciliation"),
    "undo": _("Undoing"),
    "mail": _("E-mail"),
    "ledger": _("Ledger"),
    "store": _("Chartbridge's own data"),
}
"""First part of an audit entry's code → the filter's words."""

_AUDIT: dict[str, Words] = {
    "connection.saved": _("Changed the PMS connection"),
    "connection.tested": _("Tested the PMS connection"),
    "connection.switched": _("Switched the PMS connection on or off"),
    "reconciliation.viewed": _("Looked at the reconciliation"),
    "reconciliation.begun": _("Looked for a day in the PMS"),
    "reconciliation.known": _("Said that a difference may stay"),
    "reconciliation.mended": _("Mended a difference"),
    "mail.saved": _("Changed the e-mail settings"),
    "mail.tested": _("Sent a test e-mail"),
    "ledger.verified": _("Verified the ledger"),
    "ledger.exported": _("Exported the ledger"),
    "patient.writes_viewed": _("Looked at everything written to a chart"),
    "undo.tried": _("Tried out an undo"),
    "undo.done": _("Undid what a setting wrote"),
    "undo.begun": _("Began to undo what a setting wrote"),
    "undo.taken_back": _("Took an undoing back"),
    "people.added": _("Added somebody"),
    "people.role": _("Changed somebody's role"),
    "people.removed": _("Removed somebody"),
    "people.put_back": _("Put somebody back"),
    "people.new_password": _("Gave somebody a one-time password"),
    "token.created": _("Made an API token"),
    "token.revoked": _("Revoked an API token"),
    "webhook.added": _("Added a webhook"),
    "webhook.changed": _("Changed a webhook"),
    "webhook.switched": _("Switched a webhook on or off"),
    "webhook.new_secret": _("Made a new secret for a webhook"),
    "webhook.tested": _("Sent a webhook's test"),
    "webhook.resent": _("Sent webhook messages again"),
    "webhook.removed": _("Removed a webhook"),
    "webhook.put_back": _("Put a webhook back"),
    "profile.saved": _("Changed their own name"),
    "practice.created": _("Set up the practice"),
    "writeback.provider": _("Changed the provider"),
    "writeback.switched": _("Switched writing on or off"),
    "writeback.note": _("Changed what is written for a type"),
    "writeback.document": _("Changed what is written or read for a document"),
    "writeback.rehearsed": _("Rehearsed a type"),
    "writeback.back_filled": _("Wrote what had been skipped"),
    "sync.stream": _("Changed a check interval"),
    "sync.photos": _("Switched patients' photos on or off"),
    "sync.now": _("Asked for a sync now"),
    "sync.full": _("Asked for a full sync"),
    "brake.resumed": _("Resumed after the brake"),
    "drift.put_away": _("Put a change in the PMS away"),
    "store.moved": _("Chartbridge's own data was found restored or copied"),
    "patient.viewed": _("Opened a patient's page"),
    "patient.written": _("Wrote something for a patient"),
    "patients.viewed": _("Opened the list of patients"),
    "patients.searched": _("Searched for patients"),
    "document.opened": _("Opened a document"),
    "flow.viewed": _("Looked at Patient Flow"),
    "flow.moved": _("Moved a patient"),
    "writebacks.viewed": _("Looked at the writebacks"),
    "writebacks.retried": _("Tried writebacks again"),
    "writebacks.dismissed": _("Let go of writebacks"),
    "writebacks.reopened": _("Took dismissed writebacks up again"),
    "writebacks.imported": _("Ticked documents off as imported"),
    "writebacks.unticked": _("Took back that documents were imported"),
    "activity.assigned": _("Said whose an activity is"),
    "connection.resumed": _("Resumed reading and writing"),
    "statuses.changed": _("Changed what a status means"),
    "statuses.reset": _("Took the statuses' meanings from the PMS again"),
}


def audit_sentence(what: str) -> Words:
    """Words for an entry's code; the code itself where there are none."""
    return _AUDIT.get(what, what.replace(".", ": ").replace("_", " "))
