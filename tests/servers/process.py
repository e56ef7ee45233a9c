"""Starting and stopping a server's process. Must not be in it: what kind of server it is."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

INSTALL = "Install it with `make test-parts` (or scripts/install-test-parts)."


class MissingPart(RuntimeError):
    """A real part that the tests need is not on this machine."""


def find_program(names: Sequence[str], *, folders: Sequence[str] = (), part: str) -> str:
    """Return the path of the first program that exists, or say what installs it."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
        for folder in folders:
            for match in sorted(Path("/").glob(f"{folder.lstrip('/')}/{name}"), reverse=True):
                return str(match)
    raise MissingPart(f"The tests need {part}, and {names[0]} is not on this machine. {INSTALL}")


def free_port() -> int:
    """Return a loopback port that nobody listens on now, below those that the kernel gives to outgoing lines."""
    while True:
        port = secrets.choice(range(10240, 32000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def nobody_listens() -> Iterator[int]:
    """Give a loopback port that refuses every line for as long as the block lasts: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def tied_to_this_process(command: list[str]) -> list[str]:
    """Let the server end when the tests are killed, so that none stays behind."""
    tie = shutil.which("setpriv")
    return [tie, "--pdeathsig", "TERM", *command] if tie else command


def await_answer(
    process: subprocess.Popen[bytes], answers: Callable[[], object], log: Path, *, seconds: float = 180.0
) -> None:
    """Wait until `answers()` no longer raises. Raises with the end of the log if the process ends or time is up."""
    until = time.monotonic() + seconds
    while True:
        try:
            answers()
        except Exception as error:
            if process.poll() is not None or time.monotonic() > until:
                stop(process)
                tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                raise RuntimeError(f"{process.args!r} did not answer: {error!r}\n{tail}") from error
            time.sleep(0.05)
        else:
            return


def stop(process: subprocess.Popen[bytes], *, seconds: float = 60.0) -> None:
    """End a process that we started: politely, then not."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    if process.poll() is None:
        process.kill()
        process.wait()


def am_root() -> bool:
    """Whether the tests run as root, as they do in a container."""
    return os.geteuid() == 0


def run_as_root(*command: str, part: str) -> None:
    """Run what only an administrator may. Raises `MissingPart` where we may not; `part` begins its sentence."""
    done = subprocess.run([*([] if am_root() else ["sudo", "-n"]), *command], capture_output=True, text=True)
    if done.returncode:
        raise MissingPart(f"{part} needs the right to do so (root, or sudo): {done.stderr.strip()}")
