"""A mail server on loopback that takes mail and can refuse: enough of SMTP for Django's backend to talk to it for real.

Must not be in it: what a mail should say.
"""

from __future__ import annotations

import base64
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class MailServerAtWork:
    """Where it is, and what it has taken. Without `password` it asks for no sign-in; `refuses` is a recipient."""

    port: int = 0
    password: str = ""
    refuses: str = ""
    taken: list[str] = field(default_factory=list)
    talks: int = 0


@contextmanager
def mail_server() -> Iterator[MailServerAtWork]:
    """Serve until the block ends."""
    told = MailServerAtWork()

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            told.talks += 1
            self._say("220 test")
            signed_in = False
            for raw in self.rfile:
                line = raw.decode().strip()
                word = line.upper().split(" ")[0]
                if word == "EHLO":
                    self._say("250-test", "250 AUTH PLAIN" if told.password else "250 SIZE 1000000")
                elif word == "AUTH":
                    sent = base64.b64decode(line.split()[-1]).decode().split("\0")[-1]
                    signed_in = sent == told.password
                    self._say("235 ok" if signed_in else "535 no")
                elif word == "RCPT" and told.refuses and told.refuses in line:
                    self._say("550 no such person")
                elif word == "DATA":
                    self._say("354 go on")
                    told.taken.append(self._mail())
                    self._say("250 ok")
                elif word == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 ok")

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
