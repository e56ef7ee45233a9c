"""What may stand in a log: our own words, and of the rest only keys that can't hold anything of a patient.

An allow-list, not a block-list: what nobody thought of is left out. Libraries' messages are reduced to their
fixed part, because the variable one may be a URL with a name in it. Must not be in it: metrics.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from chartbridge.sync.faults import place_of

ALLOWED = frozenset(
    [
        "event",
        "level",
        "logger",
        "timestamp",
        "place",
        "error",
        "template",
        "status",
        "practice",
        "connection",
        "connections",
        "stream",
        "lane",
        "connector",
        "version",
        "vendor",
        "engine",
        "mode",
        "writeback",
        "writebacks",
        "activity",
        "delivery",
        "seen",
        "kind",
        "command",
        "code",
        "reason_code",
        "setting",
        "ability",
        "attempt",
        "attempts",
        "count",
        "changes",
        "rows",
        "pages",
        "checks",
        "failures",
        "part",
        "parts",
        "bytes",
        "seconds",
        "ms",
        "interval_s",
        "wait_s",
        "lag_ms",
        "p50_ms",
        "p99_ms",
        "host",
        "port",
        "pid",
        "signal",
        "data_folder",
        "migration",
    ]
)


def configure(*, stream: Any = None) -> None:
    """Set up logging for this process. CHARTBRIDGE_LOG=json writes one JSON object a line."""
    as_json = os.environ.get("CHARTBRIDGE_LOG") == "json"
    ours: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    look = structlog.processors.JSONRenderer() if as_json else _plain
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *ours],
            use_get_message=False,
            pass_foreign_args=True,
            processors=[_reduce, structlog.stdlib.ProcessorFormatter.remove_processors_meta, _allow, look],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("chartbridge").setLevel(logging.INFO)
    # Answers with 4xx are everyday; what a person needs stands on the page.
    logging.getLogger("django.request").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            *ours,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _reduce(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave of a library's message its fixed part, and of an error its type and place."""
    record: logging.LogRecord | None = event.get("_record")
    fault = _error_of(event.pop("exc_info", None) or (record.exc_info if record else None))
    if fault is not None:
        event["error"] = type(fault).__name__
        event["place"] = place_of(fault)
    values = event.pop("positional_args", None)
    if record is None or event.get("_from_structlog"):
        return event
    said = str(event["event"])
    if record.name.startswith("chartbridge"):
        event["event"] = said % values if values else said
        return event
    event["event"] = "library"
    event.setdefault("place", f"{Path(record.pathname).name}:{record.lineno}")
    # Without arguments a message may have been put together with an f-string: then it is left out.
    if values:
        event["template"] = said
    return event


def _error_of(told: Any) -> BaseException | None:
    if isinstance(told, BaseException):
        return told
    if isinstance(told, tuple) and len(told) == 3:
        _, error, trace = told
        return error if isinstance(error, BaseException) and isinstance(trace, TracebackType | None) else None
    return sys.exception() if told is True else None


def _allow(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if key in ALLOWED}


def _plain(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    head = f"{event.pop('timestamp', '')} {event.pop('level', ''):8} {event.pop('event', '')}"
    return " ".join([head, *(f"{key}={value}" for key, value in sorted(event.items()))])
