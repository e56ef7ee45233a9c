"""Whom a practice's mail goes to and by which server. Must not be in it: what a mail says, sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chartbridge.store.models import MailSetting
from chartbridge.store.secrets import WrongKey, seal, unseal
from chartbridge.transport.mail import MailServer


@dataclass(frozen=True, kw_only=True, slots=True)
class Mailing:
    """All that is needed to send. `password` stands within `server`."""

    server: MailServer
    sender: str
    recipients: tuple[str, ...]


def setting(practice_id: int) -> MailSetting:
    """Return a practice's setting; one that is switched off, not stored, where there is none yet."""
    found = MailSetting.objects.filter(practice_id=practice_id).first()
    return found or MailSetting(practice_id=practice_id)


def save(
    practice_id: int,
    *,
    on: bool,
    host: str,
    port: int,
    security: str,
    user: str,
    password: str | None,
    sender: str,
    recipients: Sequence[str],
    hour: int,
    pages_address: str = "",
) -> MailSetting:
    """Store it. `password` None keeps the present one, unless the server is another."""
    row = setting(practice_id)
    if password is None and (host, port, security) != (row.host, row.port, row.security):
        row.secrets = b""  # a password is for the server that it was entered for
    row.on, row.host, row.port, row.security, row.user = on, host, port, security, user
    row.sender, row.recipients, row.hour, row.error = sender, list(recipients), hour, ""
    row.pages_address = pages_address
    if password is not None:
        row.secrets = seal({"password": password})
    row.save()
    return row


def mailing(row: MailSetting) -> Mailing:
    """Open a setting. Raises `WrongKey` where another installation's key sealed the password."""
    server = MailServer(
        host=row.host,
        port=row.port,
        security=row.security,
        user=row.user,
        password=unseal(row.secrets).get("password", ""),
    )
    return Mailing(server=server, sender=row.sender, recipients=tuple(row.recipients))


def hours() -> dict[int, int]:
    """Return at which hour of its own clock each practice wants its mail."""
    return dict(MailSetting.objects.filter(on=True).values_list("practice_id", "hour"))


def note_result(practice_id: int, error: str, at: datetime) -> None:
    """Keep how the last sending went, for the pages."""
    fields = {"error": error} if error else {"error": "", "sent_at": at}
    MailSetting.objects.filter(practice_id=practice_id).update(**fields)


__all__ = ["Mailing", "WrongKey", "hours", "mailing", "note_result", "save", "setting"]
