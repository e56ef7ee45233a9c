"""Signals, the audit trail of this developer's key, and short queries."""

from __future__ import annotations

import re

from chartbridge.sandbox.open_dental import answers
from chartbridge.sandbox.open_dental.database import Row
from chartbridge.sandbox.open_dental.methods.calls import (
    QUERIES,
    READ_ALL,
    Answer,
    ApiError,
    Call,
    Method,
    when,
)

SHORT = 100
_TIME = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?$")
_WRITES = re.compile(
    r"\b(insert|update|delete|replace|drop|alter|truncate|grant|revoke|rename|lock|call|set|load|into|handler|"
    r"attach|detach|pragma|vacuum|reindex|create)\b",
    re.IGNORECASE,
)


def signals(call: Call) -> Answer:
    """GET /signalods?SigDateTime=: after it, and before this second; by number. The shape is inferred."""
    if not call.query.get("SigDateTime"):
        raise ApiError(400, "SigDateTime is required.")
    limit, offset = call.page()
    server = call.db.now()
    rows = call.db.rows(
        "SELECT * FROM signalod WHERE SigDateTime>? AND SigDateTime<? ORDER BY SignalNum "
        f"LIMIT {limit} OFFSET {offset}",
        when("SigDateTime", call.query["SigDateTime"]),
        server,
    )
    return Answer(payload=[{**answers.plain(row), "serverDateTime": server} for row in rows])


def security_logs(call: Call) -> Answer:
    """GET /securitylogs?PermType=: only what the API wrote; times in the US format (the rest is inferred)."""
    where, values = ["LogSource=23"], list[object]()
    if call.query.get("PermType"):
        where.append("PermType=?")
        values.append(call.number("PermType"))
    limit, offset = call.page()
    rows = call.db.rows(
        "SELECT SecurityLogNum,PermType,UserNum,LogDateTime,LogText,PatNum,LogSource FROM securitylog "
        f"WHERE {' AND '.join(where)} ORDER BY SecurityLogNum LIMIT {limit} OFFSET {offset}",
        *values,
    )
    return Answer(
        payload=[{**answers.plain(row), "LogDateTime": _american(row["LogDateTime"])} for row in rows]
    )


def short_query(call: Call) -> Answer:
    """PUT /queries/ShortQuery: read only, at most 100 rows, times as ISO."""
    sql = call.words("SqlCommand").strip().rstrip(";")
    if not sql:
        raise ApiError(400, "SqlCommand is required.")
    if not re.match(r"(select|show|explain)\b", sql, re.IGNORECASE) or _WRITES.search(sql) or ";" in sql:
        raise ApiError(401, "Command not allowed: queries are read only.")
    offset = max(0, call.number("Offset", 0))
    try:
        rows = call.db.rows(sql)[offset : offset + SHORT]
    except Exception as error:
        raise ApiError(400, f"Query failed: {type(error).__name__}.") from error
    return Answer(payload=[_iso(row) for row in rows])


def _iso(row: Row) -> Row:
    def shown(value: object) -> object:
        if isinstance(value, str) and _TIME.match(value):
            return value.replace(" ", "T") if " " in value else f"{value}T00:00:00"
        return value

    return {k: shown(v) for k, v in row.items()}


def _american(value: object) -> str:
    date, _, clock = str(value).partition(" ")
    year, month, day = date.split("-")
    hour, rest = int(clock[:2]), clock[2:]
    return f"{int(month)}/{int(day)}/{year} {hour % 12 or 12}{rest} {'AM' if hour < 12 else 'PM'}"


METHODS = (
    Method(verb="GET", path="signalods", group=READ_ALL, since=(22, 1), handle=signals),
    Method(verb="GET", path="securitylogs", group=READ_ALL, since=(23, 1, 33), handle=security_logs),
    Method(verb="PUT", path="queries/ShortQuery", group=QUERIES, since=(21, 1), handle=short_query),
)
