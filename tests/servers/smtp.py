"""A mail server on loopback that takes mail and can refuse: enough of SMTP for Django's backend to talk to it for real.

Must not be in it: what a mail should say.
"""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class MailServerAtWork:
    """Where it is, and what it has taken. Without `password` it asks for no sign-in; `refuses` is a recipient.

    `encrypted` says of each password and mail that came whether its line was.
    """

    port: int = 0
    password: str = ""
    refuses: str = ""
    taken: list[str] = field(default_factory=list)
    talks: int = 0
    encrypted: list[bool] = field(default_factory=list)


@contextmanager
def mail_server(certificate: Path | None = None) -> Iterator[MailServerAtWork]:
    """Serve until the block ends; with a certificate and its key in one file it offers STARTTLS."""
    told = MailServerAtWork()
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
    if secure and certificate:
        secure.load_cert_chain(certificate)

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            told.talks += 1
            self._say("220 test")
            signed_in = False
            while raw := self.rfile.readline():
                line = raw.decode().strip()
                word = line.upper().split(" ")[0]
                if word == "EHLO":
                    offers = ["250-STARTTLS"] if secure and not self._is_encrypted() else []
                    self._say("250-test", *offers, "250 AUTH PLAIN" if told.password else "250 SIZE 1000000")
                elif word == "STARTTLS" and secure:
                    self._say("220 go on")
                    try:
                        self._encrypt(secure)
                    except OSError:
                        return  # it does not trust this certificate
                elif word == "AUTH":
                    told.encrypted.append(self._is_encrypted())
                    sent = base64.b64decode(line.split()[-1]).decode().split("\0")[-1]
                    signed_in = sent == told.password
                    self._say("235 ok" if signed_in else "535 no")
                elif word == "RCPT" and told.refuses and told.refuses in line:
                    self._say("550 no such person")
                elif word == "DATA":
                    told.encrypted.append(self._is_encrypted())
                    self._say("354 go on")
                    told.taken.append(self._mail())
                    self._say("250 ok")
                elif word == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 ok")

        def _is_encrypted(self) -> bool:
            return isinstance(self.connection, ssl.SSLSocket)

        def _encrypt(self, secure: ssl.SSLContext) -> None:
            self.connection = secure.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb", self.rbufsize)  # type: ignore[assignment]
            self.wfile = self.connection.makefile("wb", 0)  # type: ignore[assignment]

        def _mail(self) -> str:
            lines = []
            for raw in self.rfile:
                if raw.strip() == b".":
                    break
                lines.append(raw.decode())
            return "".join(lines)

        def _say(self, *lines: str) -> None:
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Talk) as server:
        told.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield told
        server.shutdown()


def make_certificate(file: Path) -> Path:
    """Write a certificate for 127.0.0.1, which signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test mail server")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(pem) + secret)
    return file
