"""What may stand in a log: our own words and codes, nothing of a patient, whoever logs it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from chartbridge.project.logging import configure

CANARY = "Kateryna Ó Brádaigh"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root, before, level = logging.getLogger(), logging.getLogger().handlers, logging.getLogger().level
    old = structlog.get_config()
    out = io.StringIO()
    configure(stream=out)
    yield out
    root.handlers, root.level = before, level
    structlog.configure(**old)


def test_our_words_and_codes_are_logged(lines: io.StringIO) -> None:
    structlog.get_logger("chartbridge.engine").info("started", port=8300, connection=7)
    assert "started" in lines.getvalue()
    assert "connection=7" in lines.getvalue()
    assert "port=8300" in lines.getvalue()


def test_what_nobody_thought_of_is_left_out(lines: io.StringIO) -> None:
    structlog.get_logger("chartbridge.sync").warning("odd", patient=CANARY, body=CANARY, count=1)
    assert CANARY not in lines.getvalue()
    assert "count=1" in lines.getvalue()


def test_a_librarys_message_loses_its_variable_part(lines: io.StringIO) -> None:
    log = logging.getLogger("somebody.elses")
    log.warning("HTTP Request: %s %s", "GET", f"http://pms/patients?LName={CANARY}")
    log.warning(f"could not reach http://pms/patients?LName={CANARY}")
    text = lines.getvalue()
    assert CANARY not in text
    assert "HTTP Request: %s %s" in text
    assert "test_logging.py:" in text


def test_an_error_is_logged_by_type_and_place_only(lines: io.StringIO) -> None:
    def broken() -> None:
        raise ValueError(f"no such patient: {CANARY}")

    try:
        broken()
    except ValueError:
        logging.getLogger("django.request").exception("Internal Server Error: %s", f"/patients/{CANARY}")
        structlog.get_logger("chartbridge.web").error("page_failed", exc_info=True)
    text = lines.getvalue()
    assert CANARY not in text
    assert text.count("error=ValueError") == 2
    assert text.count("broken") == 2


def test_as_json_every_line_is_an_object(lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    monkeypatch.setenv("CHARTBRIDGE_LOG", "json")
    configure(stream=lines)
    structlog.get_logger("chartbridge.serve").info("started", port=1)
    assert json.loads(lines.getvalue())["event"] == "started"
