"""The daily mail: what needs attention and why, what waits for long, and that all is stopped, if anything is so.

Counts and reasons, never a patient. Must not be in it: when it is sent, how a server is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chartbridge.domain.clock import Clock
from chartbridge.store import holds, mailing, writebacks
from chartbridge.store.deliveries import WAITING_FOR_IMPORT
from chartbridge.store.desk import PAUSED
from chartbridge.store.models import Practice
from chartbridge.store.reconciliations import open_findings
from chartbridge.store.writebacks import Filter, Group, Show
from chartbridge.transport.mail import NotSent, send

WRITEBACKS = "/writebacks/"
"""Where the page stands behind the pages' address; a test holds it current."""
LONG = timedelta(hours=1)
"""What waits for less is on its way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """A mail's subject and body."""

    subject: str
    body: str


def compose(practice_id: int, now: datetime, title_of: Callable[[str], str]) -> Digest | None:
    """Return the mail, or nothing where nothing waits. `title_of` says a reason in words."""
    groups = writebacks.groups(practice_id, Filter(show=Show.ATTENTION))
    late = writebacks.groups(practice_id, Filter(show=Show.WAITING, until=now - LONG))
    found, stopped = open_findings(practice_id), holds.sentences(practice_id)
    if not (groups or late or found or stopped):
        return None
    practice = Practice.objects.get(pk=practice_id)
    lines = [_line(group, title_of(group.reason), now) for group in groups]
    lines += [_line(group, _waiting(group.reason, title_of), now) for group in late]
    if found:
        lines.append(
            f"{found:>4}  The chart does not show them as they were written (see Writebacks, Reconciliation)"
        )
    lines += [f"Reading and writing are stopped (see Health): {sentence}" for sentence in stopped]
    n, waiting = sum(group.count for group in groups) + found, sum(group.count for group in late)
    said = [
        *(["reading and writing are stopped"] if stopped else []),
        *([f"{n} {'entry needs' if n == 1 else 'entries need'} attention"] if n else []),
        *([f"{waiting} {'waits' if waiting == 1 else 'wait'} to be written"] if waiting else []),
    ]
    subject = f"Chartbridge: {', '.join(said)}"
    address = mailing.setting(practice_id).pages_address
    body = "\n".join(
        [
            f"{practice.name}: this waits for somebody.",
            "",
            *lines,
            "",
            f"{address}{WRITEBACKS}" if address else "Open Chartbridge and choose Writebacks.",
            "Each reason has its fix beside it.",
            "Nothing is lost while it waits. This mail holds no patient's data.",
        ]
    )
    return Digest(subject=subject, body=body)


def _line(group: Group, title: str, now: datetime) -> str:
    return f"{group.count:>4}  {title}, {_age(now - group.oldest)}"


def _waiting(reason: str, title_of: Callable[[str], str]) -> str:
    return title_of(reason) if reason in (WAITING_FOR_IMPORT, PAUSED) else "Not seen in the chart yet"


def send_daily(practice_id: int, clock: Clock, title_of: Callable[[str], str]) -> bool:
    """Send a practice its mail if anything waits. Returns whether one was sent. Raises `NotSent`, and keeps why."""
    row = mailing.setting(practice_id)
    if not row.on:
        return False
    made = compose(practice_id, clock.now(), title_of)
    if made is None:
        return False
    _send(row.practice_id, made, clock)
    return True


def send_test(practice_id: int, clock: Clock) -> None:
    """Send a mail that says that mails arrive. Raises `NotSent`."""
    _send(
        practice_id,
        Digest(
            subject="Chartbridge: a test",
            body="If you can read this, the daily mail about what needs attention will reach you.",
        ),
        clock,
    )


def _send(practice_id: int, made: Digest, clock: Clock) -> None:
    try:
        how = mailing.mailing(mailing.setting(practice_id))
        if not how.server.host or not how.sender or not how.recipients:
            raise NotSent("Enter the mail server, the sender's address and at least one recipient first.")
        send(how.server, sender=how.sender, recipients=how.recipients, subject=made.subject, body=made.body)
    except mailing.WrongKey:
        why = "The stored password can't be opened with this installation's key. Enter it again."
        mailing.note_result(practice_id, why, clock.now())
        raise NotSent(why) from None
    except NotSent as error:
        mailing.note_result(practice_id, str(error), clock.now())
        raise
    mailing.note_result(practice_id, "", clock.now())


def _age(passed: timedelta) -> str:
    hours = int(passed.total_seconds() // 3600)
    if hours < 1:
        return "for less than an hour"
    return f"for {hours} h" if hours < 48 else f"for {hours // 24} days"
