"""What the practice has set up: definitions, providers, operatories, preferences, users. Read only, but one."""

from __future__ import annotations

from chartbridge.sandbox.open_dental import answers, audit, words
from chartbridge.sandbox.open_dental.answers import Names
from chartbridge.sandbox.open_dental.methods.calls import (
    READ_ALL,
    SETUP,
    Answer,
    ApiError,
    Call,
    Method,
    truth,
    when,
)
from chartbridge.sandbox.open_dental.words import Permission, Signal


def definitions(call: Call) -> Answer:
    """GET /definitions?Category=&includeHidden=."""
    where, values = ["1=1"], list[object]()
    if call.query.get("Category"):
        where.append("Category=?")
        values.append(call.number("Category"))
    if call.query.get("includeHidden", "false") != "true":
        where.append("IsHidden=0")
    limit, offset = call.page()
    rows = call.db.rows(
        f"SELECT * FROM definition WHERE {' AND '.join(where)} ORDER BY Category,ItemOrder,DefNum "
        f"LIMIT {limit} OFFSET {offset}",
        *values,
    )
    return Answer(payload=[answers.definition(row) for row in rows])


def add_definition(call: Call) -> Answer:
    """POST /definitions."""
    number = {name: n for n, name in words.CATEGORY.items()}.get(call.words("category"))
    item = call.words("ItemName")
    if number is None or not item:
        raise ApiError(400, "ItemName and category are required.")
    order = call.db.value("SELECT MAX(ItemOrder)+1 FROM definition WHERE Category=?", number) or 0
    key = call.db.insert(
        "definition",
        Category=number,
        ItemName=item,
        ItemValue=call.words("ItemValue"),
        ItemOrder=order,
        IsHidden=truth("isHidden", call.body.get("isHidden", "false")),
    )
    audit.log(call.db, call.actor, Permission.SETUP, "Definition created")
    audit.signal(call.db, Signal.DEFS)
    row = call.db.get("definition", key) or {}
    return Answer(payload=answers.definition(row), status=201, location=f"/definitions/{key}")


def provider(call: Call) -> Answer:
    """GET /providers/#."""
    row = call.db.get("provider", call.numbers[0])
    if row is None:
        raise ApiError(404, "Provider not found.")
    return Answer(payload=answers.provider(row, call.db.now()))


def providers(call: Call) -> Answer:
    """GET /providers?DateTStamp=."""
    where, values = ["1=1"], list[object]()
    if call.query.get("DateTStamp"):
        where.append("DateTStamp>=?")
        values.append(when("DateTStamp", call.query["DateTStamp"]))
    limit, offset = call.page()
    server = call.db.now()
    rows = call.db.rows(
        f"SELECT * FROM provider WHERE {' AND '.join(where)} ORDER BY ItemOrder,ProvNum "
        f"LIMIT {limit} OFFSET {offset}",
        *values,
    )
    return Answer(payload=[answers.provider(row, server) for row in rows])


def operatory(call: Call) -> Answer:
    """GET /operatories/#."""
    row = call.db.get("operatory", call.numbers[0])
    if row is None:
        raise ApiError(404, "Operatory not found.")
    return Answer(payload=answers.operatory(row, Names(call.db)))


def operatories(call: Call) -> Answer:
    """GET /operatories."""
    limit, offset = call.page()
    names = Names(call.db)
    rows = call.db.rows(
        f"SELECT * FROM operatory ORDER BY ItemOrder,OperatoryNum LIMIT {limit} OFFSET {offset}"
    )
    return Answer(payload=[answers.operatory(row, names) for row in rows])


def preferences(call: Call) -> Answer:
    """GET /preferences?PrefName=. The shape is inferred: the table's columns."""
    where, values = "1=1", list[object]()
    if call.query.get("PrefName"):
        where, values = "PrefName=?", [call.query["PrefName"]]
    limit, offset = call.page()
    rows = call.db.rows(
        f"SELECT PrefNum,PrefName,ValueString FROM preference WHERE {where} ORDER BY PrefNum "
        f"LIMIT {limit} OFFSET {offset}",
        *values,
    )
    return Answer(payload=[answers.plain(row) for row in rows])


def users(call: Call) -> Answer:
    """GET /userods. The shape is inferred."""
    limit, offset = call.page()
    rows = call.db.rows(
        "SELECT UserNum,UserName,EmployeeNum,ClinicNum,ProvNum,IsHidden FROM userod "
        f"ORDER BY UserNum LIMIT {limit} OFFSET {offset}"
    )
    return Answer(payload=[answers.plain(row, IsHidden=answers.yes(row["IsHidden"])) for row in rows])


METHODS = (
    Method(verb="GET", path="definitions", group=READ_ALL, since=(21, 1), handle=definitions),
    Method(verb="POST", path="definitions", group=SETUP, since=(22, 1), handle=add_definition),
    Method(verb="GET", path="providers/#", group=READ_ALL, since=(24, 4, 17), handle=provider),
    Method(verb="GET", path="providers", group=READ_ALL, since=(21, 1), handle=providers),
    Method(verb="GET", path="operatories/#", group=READ_ALL, since=(24, 1, 10), handle=operatory),
    Method(verb="GET", path="operatories", group=READ_ALL, since=(21, 1), handle=operatories),
    Method(verb="GET", path="preferences", group=READ_ALL, since=(21, 1), handle=preferences),
    Method(verb="GET", path="userods", group=READ_ALL, since=(22, 1), handle=users),
)
