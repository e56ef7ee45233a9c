"""Under the real server: threads, uploads, and waiting calls that don't hold up others."""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from chartbridge.store.models import Activity, ActivityFile, Writeback
from tests.api.conftest import Program
from tests.api.test_activities import TEXT
from tests.conftest import LiveHub
from tests.intake.papers import PDF


class Line:
    """One kept-open connection to the served API."""

    def __init__(self, hub: LiveHub, program: Program) -> None:
        self._line = http.client.HTTPConnection(urlsplit(hub.url).netloc, timeout=60)
        self._headers = program.sign_in

    def call(
        self, method: str, path: str, body: bytes | Iterable[bytes] = b"", **headers: str
    ) -> tuple[int, Any]:
        self._line.request(method, f"/api/v1{path}", body, self._headers | headers)
        answer = self._line.getresponse()
        content = answer.read()
        return answer.status, json.loads(content)

    def hand_in(self, key: str) -> int:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return self.call("POST", "/activities", json.dumps(TEXT).encode(), **headers)[0]


@pytest.fixture
def line(live_hub: LiveHub, program: Program) -> Line:
    return Line(live_hub, program)


def test_activities_handed_in_over_eight_lines_at_once_are_all_kept(
    live_hub: LiveHub, program: Program
) -> None:
    def hand_in(number: int) -> list[int]:
        line = Line(live_hub, program)
        return [line.hand_in(f"{number}.{n}") for n in range(20)]

    with ThreadPoolExecutor(8) as pool:
        statuses = [s for each in pool.map(hand_in, range(8)) for s in each]
    kept = statuses.count(201)
    assert set(statuses) <= {201, 429}
    assert kept == Activity.objects.count() == Writeback.objects.count()


def test_a_pdf_goes_up_and_never_lies_in_a_file_with_a_name(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr("django.core.files.uploadedfile.TemporaryUploadedFile.__init__", made.append)
    monkeypatch.setattr("tempfile.SpooledTemporaryFile.rollover", made.append)
    edge = "cut-here"
    parts = "".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {"kind": "account_statement", "patient_key": "1042"}.items()
    )
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    content = PDF.replace(b"xref", b" " * (5 << 20) + b"xref")
    body = parts.encode() + head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    status, told = line.call(
        "POST", "/documents", body, **{"Content-Type": f"multipart/form-data; boundary={edge}"}
    )
    assert status == 201, told
    assert bytes(ActivityFile.objects.get().content) == content
    assert not made


def test_more_than_a_request_may_have_is_refused_in_words_also_where_its_size_is_not_told(line: Line) -> None:
    """In pieces, without a Content-Length."""
    large = (b" " * (1 << 20) for _ in range(25))
    status, told = line.call("POST", "/activities/batch", large, **{"Content-Type": "application/json"})
    assert (status, told["error"]["code"]) == (413, "too_large")
    assert "20 MB" in told["error"]["message"]


def test_a_waiting_call_hears_of_a_change_at_once_and_holds_up_nobody(
    live_hub: LiveHub, program: Program
) -> None:
    """The best of three tries: in any single one the machine may have had something else to do."""
    line = Line(live_hub, program)
    took: list[float] = []

    def wait(start: int, heard: list[float]) -> None:
        told = Line(live_hub, program).call("GET", f"/changes?after={start}&wait=20")[1]
        assert told["changes"]
        heard.append(time.monotonic())

    while not took or (min(took) >= 1 and len(took) < 3):
        heard: list[float] = []
        start = line.call("GET", "/changes")[1]["last"]
        waiting = [threading.Thread(target=wait, args=(start, heard)) for _ in range(10)]
        for each in waiting:
            each.start()
        time.sleep(0.5)
        assert line.hand_in(f"wake {len(took)}") == 201
        kept_at = time.monotonic()
        for each in waiting:
            each.join()
        assert len(heard) == 10
        took.append(statistics.median(heard) - kept_at)
    assert min(took) < 1
