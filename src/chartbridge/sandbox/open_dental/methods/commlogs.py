"""commlogs: GET by the rules of the office's version, POST. There is no PUT, no DELETE and no idempotency key."""

from __future__ import annotations

from chartbridge.sandbox.open_dental import answers, chart, words
from chartbridge.sandbox.open_dental.answers import Names
from chartbridge.sandbox.open_dental.methods.calls import (
    COMM,
    READ_ALL,
    Answer,
    ApiError,
    Call,
    Method,
    one_of,
    when,
    whole,
)

PATIENT_OPTIONAL = (25, 1, 13)
ANSWERS_BODY = (23, 3, 7)


def get_one(call: Call) -> Answer:
    """GET /commlogs/#."""
    row = call.db.get("commlog", call.numbers[0])
    if row is None:
        raise ApiError(404, "Commlog not found.")
    return Answer(payload=answers.commlog(row, Names(call.db), call.version))


def get_list(call: Call) -> Answer:
    """GET /commlogs: PatNum is required up to 25.1.12; the DateTStamp filter came with 25.1.13."""
    where: list[str] = []
    values: list[object] = []
    if call.query.get("PatNum"):
        where.append("PatNum=?")
        values.append(call.number("PatNum"))
    elif call.version < PATIENT_OPTIONAL:
        raise ApiError(400, "PatNum is required.")
    if call.query.get("DateTStamp"):
        call.needs(PATIENT_OPTIONAL, "DateTStamp")
        where.append("DateTStamp>=?")
        values.append(when("DateTStamp", call.query["DateTStamp"]))
    limit, offset = call.page()
    condition = " AND ".join(where) or "1=1"
    names = Names(call.db)
    rows = call.db.rows(
        f"SELECT * FROM commlog WHERE {condition} ORDER BY CommlogNum LIMIT {limit} OFFSET {offset}", *values
    )
    return Answer(payload=[answers.commlog(row, names, call.version) for row in rows])


def create(call: Call) -> Answer:
    """POST /commlogs."""
    patient = call.patient(call.wanted("PatNum"))
    note = call.words("Note")
    if not note:
        raise ApiError(400, "Note is required.")
    at = call.words("CommDateTime")
    key = chart.add_commlog(
        call.db,
        call.actor,
        patient=patient,
        note=note,
        at=when("CommDateTime", at) if at else call.db.now(),
        type_=_type(call),
        mode=one_of("Mode_", call.body.get("Mode_", "Phone"), words.COMM_MODE),
        direction=one_of("SentOrReceived", call.body.get("SentOrReceived", "Sent"), words.SENT_OR_RECEIVED),
    )
    if call.version < ANSWERS_BODY:
        return Answer(status=201)
    row = call.db.get("commlog", key) or {}
    made = answers.commlog(row, Names(call.db), call.version, created=True)
    return Answer(payload=made, status=201, location=f"/commlogs/{key}")


def _type(call: Call) -> int:
    """CommType is a number, commType a name and wins; the default is the one used for MISC."""
    if name := call.words("commType"):
        found = call.db.value(
            "SELECT DefNum FROM definition WHERE Category=27 AND ItemName=? AND IsHidden=0", name
        )
        if found is None:
            raise ApiError(400, "commType is invalid.")
        return int(found)
    if call.body.get("CommType") not in (None, ""):
        return call.definition(whole("CommType", call.body["CommType"]), 27, "CommType")
    found = call.db.value("SELECT DefNum FROM definition WHERE Category=27 AND ItemValue='MISC'")
    first = "SELECT DefNum FROM definition WHERE Category=27 AND IsHidden=0 ORDER BY ItemOrder LIMIT 1"
    return int(found or call.db.value(first) or 0)


METHODS = (
    Method(verb="GET", path="commlogs/#", group=READ_ALL, since=PATIENT_OPTIONAL, handle=get_one),
    Method(verb="GET", path="commlogs", group=READ_ALL, since=(21, 1), handle=get_list),
    Method(verb="POST", path="commlogs", group=COMM, since=(21, 1), handle=create),
)
