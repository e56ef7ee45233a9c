"""`chartbridge serve`: the product for one office in one process. Must not be in it: putting rooms together."""

from __future__ import annotations

import ctypes
import fcntl
import gc
import getpass
import logging
import os
import secrets
import signal
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import structlog
import uvicorn

from chartbridge import bootstrap

log = structlog.get_logger("chartbridge.serve")

PORT = 8300
HOST = "127.0.0.1"
PAGES_GRACE_S = 2
ENGINE_GRACE_S = 4.0
_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK = 1_000_000


class CannotServe(Exception):
    """Why the hub can't start, in a sentence for the person at the keyboard."""


def serve(*, host: str = HOST, port: int = PORT) -> None:
    """Run until SIGTERM or Ctrl-C, or until the disk fails. `bootstrap.prepare` has run. Raises `CannotServe`."""
    from chartbridge.store import disk_error
    from chartbridge.store.database import take_in_log

    folder = bootstrap.make_data_folder()
    with only_one(folder), _listening(host, port) as listening:
        disk_error.end_the_process()
        take_in_log()
        bootstrap.migrate()
        _welcome(folder, host, port)
        with _gentle_signals():
            pages = _pages()  # before the hub: none works whose pages can't be had, or while they are loaded
            hub = bootstrap.make_hub()
            _collect_less()
            _give_large_blocks_back()
            hub.start()
            log.info("started", host=host, port=port, pid=os.getpid())
            try:
                pages.run(sockets=[listening])
            finally:
                _end(hub)


def _collect_less() -> None:
    """What is loaded now stays: the collector needn't look at it again and again while pages are read."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _give_large_blocks_back() -> None:
    """What SQLite takes for a document's row goes back to the system at once. Left to itself, glibc keeps ever larger
    blocks for each thread."""
    with suppress(AttributeError, OSError):  # not glibc
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def _end(hub: bootstrap.Hub) -> None:
    finished = hub.stop(ENGINE_GRACE_S)
    log.info("stopped", status="everything finished" if finished else "left something for the next start")
    if not finished:
        # A PMS that hangs must not keep the process: what it was doing is found again from the rows.
        logging.shutdown()
        os._exit(0)


def _pages() -> uvicorn.Server:
    from django.urls import get_resolver

    from chartbridge.project.asgi import application

    get_resolver().url_patterns  # noqa: B018  which loads whatever answers
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # WhiteNoise hands its files out in that way; it tells the person at the terminal nothing.
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=PAGES_GRACE_S,
    )
    config.load()
    return uvicorn.Server(config)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process. Two hubs on one folder would write things twice."""
    file = folder / "serve.lock"
    try:
        lock = file.open("a+")
    except OSError as error:
        raise CannotServe(_not_ours(file)) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            other = lock.read().strip() or "unknown"
            raise CannotServe(
                f"Chartbridge is already running on the data folder {folder} (process {other}). "
                "Stop that one first, or give this one a folder of its own with --data."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _not_ours(file: Path) -> str:
    """Say why a file can't be opened, and what to do."""
    try:
        owner = file.owner()
    except (OSError, KeyError):
        return f"The file {file} can't be opened. Look whether the data folder may be written to."
    return (
        f"The file {file} belongs to the user {owner}, under whom Chartbridge has run before. Start it as that user, "
        f"or give the data folder to yours: chown -R {getpass.getuser()} {file.parent}"
    )


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CannotServe(
                f"The address {host}:{port} can't be used: {getattr(error, 'strerror', None) or 'no such port'}. "
                "Choose another port with --port."
            ) from error
        listening.set_inheritable(False)
        yield listening


def _welcome(folder: Path, host: str, port: int) -> None:
    """While nobody has an account, say where the first one is made and with which token."""
    from chartbridge.store.accounts import nobody_yet

    file = folder / "welcome.token"
    shown = f"[{host}]" if ":" in host else host
    if not nobody_yet():
        file.unlink(missing_ok=True)
        print(f"Chartbridge is at http://{shown}:{port}/", flush=True)
        return
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(24))
    print(
        f"Chartbridge is at http://{shown}:{port}/\n"
        f"Nobody has an account yet. Open http://{shown}:{port}/welcome/ and enter this token to make the first one:\n"
        f"    {file.read_text().strip()}",
        flush=True,
    )


@contextmanager
def _gentle_signals() -> Iterator[None]:
    """uvicorn raises again the signal that stopped it: let it be, so that the engine is stopped too."""

    def noted(number: int, _frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)

    before = {number: signal.signal(number, noted) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
