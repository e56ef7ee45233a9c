"""The demo's processes: started, watched, started again when somebody kills them, stopped.

Must not be in it: what the processes do.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class DidNotStart(Exception):
    """A process that ended or stayed silent, with where to read why."""


class Child:
    """One process that the demo keeps running. Its own session, so that Ctrl-C reaches only the demo."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str],
        answers: Callable[[], object],
    ) -> None:
        self.name = name
        self._command = list(command)
        self._log = log
        self._env = {**os.environ, **env}
        self._answers = answers
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0

    @property
    def pid(self) -> int:
        """The running process's number, 0 if there is none."""
        return self._process.pid if self._process else 0

    def start(self, *, seconds: float = 60.0) -> None:
        """Start it and wait until it answers. Raises `DidNotStart`."""
        tie = shutil.which("setpriv")  # ends with the demo even if the demo is killed
        before = [tie, "--pdeathsig", "TERM"] if tie else []
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                [*before, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._env,
                start_new_session=True,
            )
        until = time.monotonic() + seconds
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise DidNotStart(f"The {self.name} did not start. Its last words are in {self._log}.")
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether it does what it should just now."""
        try:
            self._answers()
        except Exception:
            return False
        return True

    def ended(self) -> int | None:
        """Return how it ended, if it has: an exit code, or below zero the signal's number."""
        return self._process.poll() if self._process else None

    def start_again(self) -> None:
        """Start it after it has ended."""
        self.restarts += 1
        self.start()

    def stop(self, *, seconds: float = 10.0) -> None:
        """End it: politely, then not."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        if process.poll() is None:
            process.kill()
            process.wait()


def how_it_ended(code: int) -> str:
    """Say an exit code in words."""
    return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended by itself (exit {code})"


def free_port(wished: int = 0) -> int:
    """Return the wished port, or the next free one of the hundred after it; 0 takes any."""
    for port in range(wished, wished + 100) if wished else [0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise DidNotStart(f"No port from {wished} to {wished + 99} is free. Choose another with --port.")
