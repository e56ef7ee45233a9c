"""What people read when a writeback does not go through: what happened and what to do next, by reason code.

Codes are stable: pages group by them and `retry_alike` takes them. A sentence holds names of settings, lists and
PMSs, never of patients, numbers or texts. Must not be in it: when a sentence applies.
"""

from __future__ import annotations

from typing import Final

SETTINGS_PAGE: Final = "the PMS Write Back Settings page"

SENTENCES: Final[dict[str, str]] = {
    "not_allowed": "{kind} is not ticked on the PMS Write Back Settings page. Tick Allow and back-fill to write it.",
    "not_supported": "{pms} can't do this: {why}",
    "too_old": "This needs {pms} {since} or newer; the practice runs {version}. Update {pms} and retry.",
    "no_connection": "There is no connection to a PMS yet. Add it on the PMS Connection page.",
    "connection_off": "The connection to {pms} is switched off. Switch it on and this is written.",
    "writing_off": "Writing to {pms} is switched off. Switch it on and this is written.",
    "no_provider": "No provider is chosen. Pick one on the PMS Write Back Settings page and this is written.",
    "provider_inactive": "{provider} is no longer active in {pms}. Pick another provider and send what waits.",
    "no_note_type": "No Note Type is chosen for {kind}. Choose one and this is written.",
    "note_type_gone": (
        "The Note Type “{type}” for {kind} is no longer in {pms}. Choose another one and send what waits."
    ),
    "no_document_type": "No Document Type is chosen for {kind}. Choose one and this is written.",
    "document_type_gone": (
        "The Document Type “{type}” for {kind} is no longer in {pms}. Choose another one and send what waits."
    ),
    "status_gone": (
        "The status “{status}” is no longer in use in {pms}. Choose on the Statuses page what a move sets instead, "
        "and move the patient again."
    ),
    "unknown_patient": (
        "There is no patient {patient} in what was read from {pms}. It is written as soon as the patient appears; "
        "if the number is wrong, dismiss this."
    ),
    "patient_deleted": "Patient {patient} is deleted in {pms}. Dismiss this, or write it for the right patient.",
    "text_too_long": "The text is too long for {pms}: it would need more than {most} notes. Shorten it.",
    "file_too_large": "The file has {size} MB; {pms} takes at most {most} MB. Make it smaller and upload it again.",
    "no_file": "There is no file to write. Upload it again.",
    "too_late": "{pms} could not be reached in time for this move. Set the status anew if it still holds.",
    "superseded": "A later move of the same appointment replaced this one.",
    "patient_named": "A person said whose this is; it was written for that patient.",
    "dismissed": "Dismissed.",
    "reopened": "Taken up again. It waits for a person.",
    "who_is_this": "Say whose this is, and it is written.",
    "uncertain": (
        "The answer of {pms} was lost, and {pms} has no way to look this up. Check the chart; retry only if it is "
        "not there."
    ),
    "off_while_looking": (
        "The answer of {pms} was lost, and then the connection was switched off, so nobody can look whether this is in "
        "the chart. Switch the connection on, and Chartbridge looks; or look yourself, and dismiss it."
    ),
    "pms_replaced": (
        "Nobody knows whether this stands in {pms}, and then another PMS was connected in its place, so Chartbridge "
        "can't look any more. Look in the chart of {pms}, put it there by hand if it is missing, and dismiss it."
    ),
    "made_for_other_pms": (
        "This was made for {pms}, and then another PMS was connected in its place, where the same number may stand for "
        "another patient. Send it only if the number is the same person's there; otherwise dismiss it."
    ),
    "looking": "The answer of {pms} was lost. Chartbridge looks in the chart before it sends anything again.",
    "crashed": (
        "Chartbridge stopped three times while it sent this and nothing else, so it was set aside. It is not in the "
        "chart. Retry it, and report it if it happens again."
    ),
    "always_lost": (
        "{pms} broke off all {times} times that this was sent, while others went through. It is not in the chart. "
        "It may be too large for {pms}: shorten it or make it smaller, or enter it by hand and dismiss this."
    ),
    "conflict": "The appointment now shows “{current}” in {pms}. Choose whether to set “{wish}” anyway.",
    "wrong_patient": "{pms} shows this under another patient. Look at the chart before you do anything else.",
    "missing": "{pms} took this, but it can't be found in the chart. Look there; retry if it is not there.",
    "vanished": (
        "It was in the chart and is no longer there, as after a restored backup of {pms}. Write it again, or "
        "dismiss it."
    ),
    "patient_changed": (
        "The number {patient} stands for another person in {pms} since this came in. Dismiss this, or write it for "
        "the right patient."
    ),
    "gone_since": (
        "It stood in the chart and does not any more: somebody may have deleted it in {pms}. Look there; write it "
        "again or dismiss this."
    ),
    "waiting_for_import": "It waits to be imported into {pms}. Tick it off when that is done.",
    "imported": "A person ticked it off as imported.",
    "undone": "It was taken back before it was written.",
    "not_undone": "The undoing was taken back before this was sent.",
    "status_moved_on": "{pms} took this status, and shows another one by now.",
    "text_changed": "It is in the chart, but {pms} shows the text differently from what was sent.",
    "internal": "Something went wrong in Chartbridge itself. Retry; report it if it happens again.",
    "cannot_look": "It could not be read back: {why}",
}


def sentence(code: str, **words: object) -> str:
    """Return the sentence of a reason code with its words filled in."""
    return SENTENCES[code].format(**words)
