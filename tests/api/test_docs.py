"""docs/api.md: every command on it works, and every address is on it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from chartbridge.domain.activities import ActivityKind
from chartbridge.store.models import StreamState, Writeback
from tests.api.conftest import Program
from tests.api.test_access import ROUTES
from tests.intake.papers import PDF

PAGE = Path(__file__).parents[2].joinpath("docs", "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines() if line.startswith("curl ")
]


class _Command:
    """A curl command, taken apart."""

    def __init__(self, line: str, program: Program) -> None:
        words = shlex.split(line.replace("$TOKEN", program.plain).replace("$HUB", "http://hub"))[1:]
        self.method, self.body, self.headers, self.form = "GET", "", dict[str, str](), dict[str, str]()
        for word, after in zip(words, [*words[1:], ""], strict=True):
            if word == "-X":
                self.method = after
            elif word == "-d":
                self.body = after
            elif word == "-H":
                name, _, value = after.partition(": ")
                self.headers[name] = value
            elif word == "-F":
                name, _, value = after.partition("=")
                self.form[name] = value
            elif word.startswith("http://hub"):
                self.path = urlsplit(word).path
                self.address = word.removeprefix("http://hub")

    def run(self, program: Program, numbers: dict[str, int]) -> HttpResponse:
        address = re.sub(r"/(activities|writebacks)/\d+", lambda m: f"/{m[1]}/{numbers[m[0]]}", self.address)
        if self.form:
            file = SimpleUploadedFile("statement.pdf", PDF)
            return program.client.post(address, {**self.form, "file": file}, headers=self.headers)
        headers = {k: v for k, v in self.headers.items() if k != "Content-Type"}
        return program.client.generic(
            self.method, address, self.body, content_type="application/json", headers=headers
        )


def test_every_command_of_the_page_works(program: Program) -> None:
    StreamState.objects.create(connection=program.connection, stream="appointments", interval_s=60)
    known = json.loads(program.send("/activities", {"kind": "missed_call", "patient_key": "1042"}).content)
    nameless = json.loads(program.send("/activities", {"kind": "missed_call", "phone": "2025550001"}).content)
    refused = json.loads(program.send("/activities", {"kind": "missed_call", "patient_key": "1043"}).content)
    numbers = {
        "/activities/1": known["id"],
        "/activities/2": nameless["id"],
        "/writebacks/1": refused["writebacks"][0]["id"],
        "/writebacks/3": refused["writebacks"][0]["id"],
    }
    Writeback.objects.filter(pk=numbers["/writebacks/3"]).update(delivery="refused")
    assert len(COMMANDS) > 20
    for line in COMMANDS:
        answer = _Command(line, program).run(program, numbers)
        assert 200 <= answer.status_code < 300, (line, answer.content)


def test_every_address_is_on_the_page(program: Program) -> None:
    shown = {
        (c.method.lower(), re.sub(r"/\d+|/note_types", "/{}", c.path))
        for c in (_Command(line, program) for line in COMMANDS)
    }
    assert shown == {(method, re.sub(r"{\w+}", "{}", path)) for method, path in ROUTES}


def test_every_kind_is_on_the_page() -> None:
    assert {str(kind) for kind in ActivityKind} <= set(re.findall(r"`(\w+)`", PAGE))
