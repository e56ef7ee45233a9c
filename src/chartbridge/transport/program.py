"""Runs a program that the practice's owner has named, such as a vendor's own uploader: never through a shell.

What it prints may hold a patient and is thrown away, unless it is asked for a secret; only its exit code counts.
It sees a small environment and is ended, with all that it started, when it takes too long.
Must not be in it: which program, what its codes mean.
"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import string
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from chartbridge.pms import fence
from chartbridge.pms.errors import Misconfigured, Unavailable, Uncertain

MOST_PRINTED = 8192
LOOKED_AFTER_S = 0.05
"""So often it is looked whether a program has ended."""
_KEPT = ("PATH", "HOME", "LANG", "TZ", "SYSTEMROOT", "WINDIR", "TEMP", "TMP", "PROGRAMFILES", "PROGRAMDATA")


class Program:
    """A command line with {placeholders}. Each placeholder becomes part of one argument, whatever it holds."""

    def __init__(
        self, command: str, *, names: Sequence[str], setting: str, name: str, seconds: float = 120
    ) -> None:
        """`names` are the placeholders that may stand in it. Raises `Misconfigured` where it can't be understood."""
        self._setting, self._name, self._seconds = setting, name, seconds
        try:
            self._words = shlex.split(command)
            used = {
                field for word in self._words for _, field, _, _ in string.Formatter().parse(word) if field
            }
        except ValueError:
            raise self._wrong("can't be understood: a quotation mark or a brace is not closed") from None
        if not self._words:
            raise self._wrong("is empty")
        if unknown := used - set(names):
            raise self._wrong(
                f"speaks of {{{sorted(unknown)[0]}}}; it may use {', '.join(f'{{{n}}}' for n in names)}"
            )

    def run(self, values: Mapping[str, str]) -> int:
        """Run it, which writes, and return its exit code.

        Raises `Misconfigured` if there is no such program, `Unavailable` if it could not be started, `Uncertain` if
        it had to be ended.
        """
        fence.last_moment()
        process = self._start(values, subprocess.DEVNULL)
        try:
            return process.wait(self._seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            raise Uncertain(f"{self._name} did not end in time. It will be looked up.") from None

    def ask(self, values: Mapping[str, str]) -> str:
        """Run it and return the first line that it prints, which may be a secret.

        Raises `Misconfigured` if there is no such program, `Unavailable` if it failed, printed nothing or did not end.
        """
        process = self._start(values, subprocess.PIPE)
        try:
            printed = _printed(process, time.monotonic() + self._seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            raise Unavailable(f"{self._name} did not end in time. It will be tried again.") from None
        line = printed.decode("utf-8", "replace").strip().partition("\n")[0].strip()
        if process.returncode or not line:
            raise Unavailable(f"{self._name} gave no answer. It will be tried again.")
        return line

    def _start(self, values: Mapping[str, str], stdout: int) -> subprocess.Popen[bytes]:
        words = [word.format_map(values) for word in self._words]
        try:
            return subprocess.Popen(  # noqa: S603  the owner's own command, an argument list, no shell
                words,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.DEVNULL,
                env={key: os.environ[key] for key in _KEPT if key in os.environ},
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError):
            raise self._wrong("names a program that is not there or may not be run") from None
        except (OSError, ValueError):
            raise Unavailable(f"{self._name} could not be started. It will be tried again.") from None

    def _wrong(self, what: str) -> Misconfigured:
        return Misconfigured(f"The command for {self._name} {what}.", setting=self._setting)


def _printed(process: subprocess.Popen[bytes], until: float) -> bytes:
    """What it printed until it ended, whoever else still holds its output. Raises `TimeoutExpired`."""
    assert process.stdout is not None
    printed = bytearray()
    with process.stdout, selectors.DefaultSelector() as ready:
        os.set_blocking(process.stdout.fileno(), False)
        ready.register(process.stdout, selectors.EVENT_READ)
        open_still = True
        while True:
            ended = process.poll() is not None  # asked first: what it printed before is there by now
            while open_still and ready.select(0 if ended else LOOKED_AFTER_S):
                piece = os.read(process.stdout.fileno(), MOST_PRINTED)
                open_still = bool(piece)
                printed += piece[: MOST_PRINTED - len(printed)]
                if time.monotonic() >= until:
                    break
            if ended:
                return bytes(printed)
            if time.monotonic() >= until:
                raise subprocess.TimeoutExpired(process.args, 0)
            if not open_still:
                time.sleep(LOOKED_AFTER_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
