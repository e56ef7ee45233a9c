"""insverifies, patplans, inssubs, insplans, carriers. Shapes other than insverifies and patplans are inferred."""

from __future__ import annotations

from chartbridge.sandbox.open_dental import answers, chart, insurance, words
from chartbridge.sandbox.open_dental.database import Row
from chartbridge.sandbox.open_dental.methods.calls import (
    INSURANCE_SIMPLE,
    READ_ALL,
    Answer,
    ApiError,
    Call,
    Method,
    day,
    one_of,
    when,
    whole,
)

STATUS_CATEGORY = 38


def verifications(call: Call) -> Answer:
    """GET /insverifies?VerifyType=&FKey=&SecDateTEdit=."""
    where, values = ["1=1"], list[object]()
    if call.query.get("VerifyType"):
        where.append("VerifyType=?")
        values.append(one_of("VerifyType", call.query["VerifyType"], words.VERIFY_TYPE))
    if call.query.get("FKey"):
        call.needs((24, 4, 17), "FKey")
        if not call.query.get("VerifyType"):
            raise ApiError(400, "VerifyType is required when FKey is given.")
        where.append("FKey=?")
        values.append(call.number("FKey"))
    if call.query.get("SecDateTEdit"):
        where.append("SecDateTEdit>=?")
        values.append(when("SecDateTEdit", call.query["SecDateTEdit"]))
    limit, offset = call.page()
    rows = call.db.rows(
        f"SELECT * FROM insverify WHERE {' AND '.join(where)} ORDER BY InsVerifyNum "
        f"LIMIT {limit} OFFSET {offset}",
        *values,
    )
    return Answer(payload=[answers.insverify(row) for row in rows])


def verification(call: Call) -> Answer:
    """GET /insverifies/#."""
    row = call.db.get("insverify", call.numbers[0])
    if row is None:
        raise ApiError(404, "InsVerify not found.")
    return Answer(payload=answers.insverify(row))


def verify(call: Call) -> Answer:
    """PUT /insverifies: with a date it is a verification and the row's note and status go to the history."""
    kind = one_of("VerifyType", call.body.get("VerifyType"), words.VERIFY_TYPE)
    fkey = call.wanted("FKey")
    table = {1: "insplan", 2: "patplan"}.get(kind)
    if table is None or call.db.get(table, fkey) is None:
        raise ApiError(404, "FKey not found.")
    if "Note" in call.body:
        call.needs((24, 1, 17), "Note")
    on = day("DateLastVerified", call.words("DateLastVerified")) if call.body.get("DateLastVerified") else ""
    if not on and call.version < (24, 1, 17):
        raise ApiError(400, "DateLastVerified is required.")
    status = None
    if call.body.get("DefNum"):
        status = call.definition(whole("DefNum", call.body["DefNum"]), STATUS_CATEGORY, "DefNum")
    note = chart.as_stored(call.words("Note")) if "Note" in call.body else None
    row = insurance.ensure(call.db, kind, fkey)
    if status is not None or note is not None:
        insurance.annotate(call.db, row, status=status, note=note)
    if on:
        insurance.verify(call.db, call.actor, _again(call, row), on)
    return Answer(payload=answers.insverify(_again(call, row)))


def patient_plans(call: Call) -> Answer:
    """GET /patplans?PatNum=&InsSubNum=."""
    rows = _filtered(call, "patplan", "PatPlanNum", ("PatNum", "InsSubNum"))
    return Answer(
        payload=[
            answers.plain(
                row,
                IsPending=answers.yes(row["IsPending"]),
                Relationship=words.name(words.RELATIONSHIP, row["Relationship"]),
            )
            for row in rows
        ]
    )


def subscribers(call: Call) -> Answer:
    """GET /inssubs?PlanNum=&Subscriber=."""
    rows = _filtered(call, "inssub", "InsSubNum", ("PlanNum", "Subscriber"))
    shown = [
        answers.plain(
            row, ReleaseInfo=answers.yes(row["ReleaseInfo"]), AssignBen=answers.yes(row["AssignBen"])
        )
        for row in rows
    ]
    return Answer(payload=[{k: v for k, v in row.items() if k != "SecurityHash"} for row in shown])


def plans(call: Call) -> Answer:
    """GET /insplans?PlanType=&CarrierNum=."""
    rows = _filtered(call, "insplan", "PlanNum", ("CarrierNum",))
    return Answer(payload=[answers.plain(row, IsHidden=answers.yes(row["IsHidden"])) for row in rows])


def carriers(call: Call) -> Answer:
    """GET /carriers."""
    rows = _filtered(call, "carrier", "CarrierNum", ())
    return Answer(payload=[answers.plain(row, IsHidden=answers.yes(row["IsHidden"])) for row in rows])


def one(table: str, label: str) -> Method:
    """GET of one row of a table, by its number."""

    def get(call: Call) -> Answer:
        row = call.db.get(table, call.numbers[0])
        if row is None:
            raise ApiError(404, f"{label} not found.")
        return Answer(payload=answers.plain(row))

    return Method(verb="GET", path=f"{table}s/#", group=READ_ALL, since=(22, 1), handle=get)


def _again(call: Call, row: Row) -> Row:
    return call.db.get("insverify", row["InsVerifyNum"]) or {}


def _filtered(call: Call, table: str, key: str, filters: tuple[str, ...]) -> list[Row]:
    where, values = ["1=1"], list[object]()
    for name in filters:
        if call.query.get(name):
            where.append(f"{name}=?")
            values.append(call.number(name))
    limit, offset = call.page()
    return call.db.rows(
        f"SELECT * FROM {table} WHERE {' AND '.join(where)} ORDER BY {key} LIMIT {limit} OFFSET {offset}",
        *values,
    )


METHODS = (
    Method(verb="GET", path="insverifies/#", group=READ_ALL, since=(23, 2, 23), handle=verification),
    Method(verb="GET", path="insverifies", group=READ_ALL, since=(23, 2, 23), handle=verifications),
    Method(verb="PUT", path="insverifies", group=INSURANCE_SIMPLE, since=(23, 2, 23), handle=verify),
    Method(verb="GET", path="patplans", group=READ_ALL, since=(22, 4, 27), handle=patient_plans),
    Method(verb="GET", path="inssubs", group=READ_ALL, since=(22, 1), handle=subscribers),
    Method(verb="GET", path="insplans", group=READ_ALL, since=(22, 1), handle=plans),
    Method(verb="GET", path="carriers", group=READ_ALL, since=(22, 1), handle=carriers),
    one("inssub", "InsSub"),
    one("insplan", "InsPlan"),
    one("carrier", "Carrier"),
)
