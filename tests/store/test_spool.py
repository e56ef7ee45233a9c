"""What is sent with a request: little of it lies in memory, and nothing in a file that has a name."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from django.conf import settings
from django.http import HttpRequest

from chartbridge.project.asgi import application
from chartbridge.store import spool
from chartbridge.store.spool import IN_MEMORY, Spool

PIECE = bytes(range(256)) * 256
MOST = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    return tmp_path


def taken_in(size: int, most: int = MOST) -> Spool:
    made = Spool(most)
    for at in range(0, size, len(PIECE)):
        made.write(PIECE[: size - at])
    return made


def whole(size: int) -> bytes:
    return (PIECE * (size // len(PIECE) + 1))[:size]


def open_files(under: Path) -> list[str]:
    """This process's files that lie there, as the kernel calls them."""
    links = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(each))
        except FileNotFoundError:
            continue
    return [link for link in links if link.startswith(str(under))]


@pytest.mark.parametrize("size", [0, 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 5])
def test_what_was_sent_is_what_is_read(size: int) -> None:
    made = taken_in(size)
    assert made.on_disk == (size > IN_MEMORY)
    assert made.taken().read() == whole(size)
    made.close()


def test_what_is_much_lies_in_a_file_without_a_name_and_is_gone_when_it_is_closed(folder: Path) -> None:
    made = taken_in(2 * IN_MEMORY)
    (link,) = open_files(folder)
    assert link.endswith("(deleted)")
    assert not list(folder.iterdir())
    made.close()
    assert not open_files(folder)


def test_what_the_disk_has_no_good_room_for_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "free", lambda: 20_000_000)
    made = taken_in(2 * IN_MEMORY)
    assert not made.on_disk
    assert made.taken().read() == whole(2 * IN_MEMORY)


def test_without_a_data_folder_it_stays_in_memory(folder: Path) -> None:
    folder.rmdir()
    made = taken_in(2 * IN_MEMORY)
    assert not made.on_disk
    assert made.taken().read() == whole(2 * IN_MEMORY)


@pytest.mark.parametrize("at", [0, 1, 5])
def test_a_disk_that_becomes_full_meanwhile_costs_nothing(
    at: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write at which that happens takes a part of what it was given."""
    real, written = spool._write, 0

    def write(file: IO[bytes], piece: bytes) -> None:
        nonlocal written
        if open_files(folder):
            written += 1
            if written > at:
                file.write(piece[:100])
                raise OSError(errno.ENOSPC, "")
        real(file, piece)

    monkeypatch.setattr(spool, "_write", write)
    made = taken_in(4 * IN_MEMORY)
    assert written == at + 1
    assert not made.on_disk
    assert not open_files(folder)
    assert made.taken().read() == whole(4 * IN_MEMORY)


def test_more_than_any_request_may_have_is_let_go_by_and_counted() -> None:
    made = taken_in(3 * IN_MEMORY, most=IN_MEMORY + 1)
    assert made.taken().read() == whole(IN_MEMORY + 1)
    assert (made.left_out, made.sent) == (True, 3 * IN_MEMORY)


def test_a_form_with_a_file_is_taken_apart_with_its_file_on_the_disk(folder: Path) -> None:
    request = form_of(5_000_000)
    file = request.FILES["file"]
    assert len(open_files(folder)) == 2, "the request and the file in it"
    assert not list(folder.iterdir())
    assert (file.name, file.size, file.read()) == ("a.pdf", 5_000_000, whole(5_000_000))
    assert request.POST["kind"] == "account_statement"
    request.close()
    request._stream.close()  # type: ignore[attr-defined]
    assert not open_files(folder)


def test_a_form_that_does_not_tell_its_size_is_taken_apart_as_well() -> None:
    request = form_of(500_000, told=False)
    assert request.POST["kind"] == "account_statement"
    assert request.FILES["file"].read() == whole(500_000)


@pytest.mark.parametrize("told", [True, False])
def test_of_a_form_that_is_far_too_large_what_stands_before_its_file_is_kept(told: bool) -> None:
    """With its true size, which its sender may not have told."""
    request = form_of(MOST + 3_000_000, told=told)
    assert int(request.META["CONTENT_LENGTH"]) > MOST + 3_000_000
    assert request.POST["kind"] == "account_statement"
    assert "file" not in request.FILES, "none that has lost its end"


def form_of(size: int, *, told: bool = True) -> HttpRequest:
    def parts() -> Iterator[bytes]:
        yield b'--cut\r\nContent-Disposition: form-data; name="kind"\r\n\r\naccount_statement\r\n'
        yield b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
        for at in range(0, size, len(PIECE)):
            yield PIECE[: size - at]
        yield b"\r\n--cut--\r\n"

    sent = list(parts())

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent.pop(0), "more_body": bool(sent)}

    length = [(b"content-length", str(sum(map(len, sent))).encode())] if told else []
    body = asyncio.run(application.read_body(receive))
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", b"multipart/form-data; boundary=cut"), *length],
    }
    request, _error = application.create_request(scope, body)
    assert isinstance(request, HttpRequest)
    return request
