"""Sends a mail by the practice's own server, through Django's SMTP backend. Must not be in it: what a mail says."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

TIMEOUT_S = 20


OPEN_LINE = (
    "Without encryption a user's password would go over the network for everybody to read. Choose STARTTLS or TLS, or "
    "leave user and password empty."
)


class NotSent(Exception):
    """Why a mail could not be sent, in a sentence for people. Nothing of the server's own words is in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServer:
    """Where and as whom. `security` is `starttls`, `tls` or `none`. Its repr shows no password."""

    host: str
    port: int
    security: str = "starttls"
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"


def on_this_machine(host: str) -> bool:
    """Whether a server's name or address is this machine's own, whatever the network says."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def send(server: MailServer, *, sender: str, recipients: Sequence[str], subject: str, body: str) -> None:
    """Send one mail. Raises `NotSent`. A password never goes over an open line to another machine."""
    if server.password and server.security == "none" and not on_this_machine(server.host):
        raise NotSent(OPEN_LINE)
    backend = EmailBackend(
        host=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.security == "starttls",
        use_ssl=server.security == "tls",
        timeout=TIMEOUT_S,
    )
    mail = EmailMessage(
        subject=subject, body=body, from_email=sender, to=list(recipients), connection=backend
    )
    try:
        mail.send()
    except smtplib.SMTPAuthenticationError:
        raise NotSent("The mail server does not accept the user name or password.") from None
    except smtplib.SMTPNotSupportedError:
        raise NotSent(
            "The mail server does not offer an encrypted line (STARTTLS). Choose TLS or another port."
        ) from None
    except smtplib.SMTPRecipientsRefused:
        raise NotSent("The mail server does not take mail for one of the recipients.") from None
    except smtplib.SMTPSenderRefused:
        raise NotSent("The mail server does not take mail from this sender's address.") from None
    except ssl.SSLError:
        raise NotSent(
            "The encrypted line to the mail server could not be made. Check port and encryption."
        ) from None
    except (OSError, smtplib.SMTPException, ValueError):
        raise NotSent(
            f"The mail server {server.host} can't be reached on port {server.port}, or ended the talk. "
            "Check address, port and encryption."
        ) from None
