"""patients: one, the search list, Simple; POST and PUT. Must not be in it: appointments, insurance."""

from __future__ import annotations

from chartbridge.sandbox.open_dental import answers, audit, words
from chartbridge.sandbox.open_dental.answers import Names
from chartbridge.sandbox.open_dental.database import Row
from chartbridge.sandbox.open_dental.methods.calls import (
    PATIENTS,
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
from chartbridge.sandbox.open_dental.words import Permission

TEXTS = (
    "LName", "FName", "MiddleI", "Preferred", "Address", "Address2", "City", "State", "Zip", "HmPhone",
    "WkPhone", "WirelessPhone", "Email", "ChartNumber", "Language", "Ward",
)  # fmt: skip
ENUMS = {
    "PatStatus": words.PAT_STATUS,
    "Gender": words.GENDER,
    "Position": words.POSITION,
    "PreferContactMethod": words.CONTACT,
    "PreferConfirmMethod": words.CONTACT,
    "PreferRecallMethod": words.CONTACT,
    "TxtMsgOk": words.YES_NO,
}
NUMBERS = ("Guarantor", "PriProv", "SecProv", "ClinicNum")
DELETED = 4


def get_one(call: Call) -> Answer:
    """GET /patients/#."""
    row = call.db.get("patient", call.numbers[0])
    if row is None:
        raise ApiError(404, "Patient not found.")
    return Answer(payload=answers.patient(row, Names(call.db)))


def search(call: Call) -> Answer:
    """GET /patients: as the Patient Select window searches."""
    where = [f"PatStatus<>{DELETED}"]
    values: list[object] = []
    for name in ("LName", "FName"):
        if call.query.get(name):
            where.append(f"{name} LIKE ?")
            values.append(call.query[name].replace("%", r"\%") + "%")
    if phone := "".join(c for c in call.query.get("Phone", "") if c.isdigit()):
        pattern = "%" + "%".join(phone) + "%"
        where.append("(HmPhone LIKE ? OR WkPhone LIKE ? OR WirelessPhone LIKE ?)")
        values += [pattern] * 3
    for name in ("Birthdate", "Email", "ChartNumber"):
        if call.query.get(name):
            where.append(f"{name}=?")
            values.append(call.query[name])
    return _list(call, where, values, order="LName,FName,PatNum", shape=answers.patient_found)


def simple(call: Call) -> Answer:
    """GET /patients/Simple: whole rows, changed since DateTStamp; deleted patients aren't shown."""
    where: list[str] = [f"PatStatus<>{DELETED}"]
    values: list[object] = []
    if call.query.get("DateTStamp"):
        where.append("DateTStamp>=?")
        values.append(when("DateTStamp", call.query["DateTStamp"]))
    if call.query.get("PatStatus"):
        where.append("PatStatus=?")
        values.append(one_of("PatStatus", call.query["PatStatus"], words.PAT_STATUS))
    for name in NUMBERS:
        if call.query.get(name):
            where.append(f"{name}=?")
            values.append(call.number(name))
    for name in ("LName", "FName", "Birthdate"):
        if call.query.get(name):
            where.append(f"{name}=?")
            values.append(call.query[name])
    server = call.db.now()
    answer = _list(call, where, values, order="PatNum", shape=answers.patient)
    rows: list[Row] = answer.payload  # type: ignore[assignment]
    return Answer(payload=[{**row, "serverDateTime": server} for row in rows])


def create(call: Call) -> Answer:
    """POST /patients."""
    values = _values(call)
    for name in ("LName", "FName"):
        if not values.get(name):
            raise ApiError(400, f"{name} is required.")
    same = call.db.value(
        "SELECT PatNum FROM patient WHERE LName=? AND FName=? AND Birthdate=? AND PatStatus<>4",
        values["LName"],
        values["FName"],
        values.get("Birthdate", "0001-01-01"),
    )
    if same is not None:
        raise ApiError(400, "Patient already exists.")
    with call.db.transaction():
        key = call.db.insert("patient", **{"SecDateEntry": call.db.now()[:10], **values})
        finish: Row = {"SecurityHash": audit.sandbox_hash({"PatNum": key}, "PatNum")}
        if not values.get("Guarantor"):
            finish["Guarantor"] = key
        call.db.update("patient", key, **finish)
        audit.log(call.db, call.actor, Permission.PATIENT_CREATE, "", patient=key)
    row = call.db.get("patient", key) or {}
    return Answer(payload=answers.patient(row, Names(call.db)), status=201, location=f"/patients/{key}")


def change(call: Call) -> Answer:
    """PUT /patients/#."""
    key = call.patient(call.numbers[0])
    values = _values(call)
    if values:
        call.db.update("patient", key, **values)
        audit.log(call.db, call.actor, Permission.PATIENT_EDIT, "", patient=key)
    return get_one(call)


def _values(call: Call) -> Row:
    values: Row = {name: call.words(name)[:100] for name in TEXTS if name in call.body}
    values |= {n: one_of(n, call.body[n], enum) for n, enum in ENUMS.items() if n in call.body}
    values |= {n: whole(n, call.body[n]) for n in NUMBERS if n in call.body}
    if "Birthdate" in call.body:
        values["Birthdate"] = day("Birthdate", call.words("Birthdate"))
    return values


def _list(call: Call, where: list[str], values: list[object], *, order: str, shape: object) -> Answer:
    limit, offset = call.page()
    sql = f"SELECT * FROM patient WHERE {' AND '.join(where)} ORDER BY {order} LIMIT {limit} OFFSET {offset}"
    names = Names(call.db)
    return Answer(payload=[shape(row, names) for row in call.db.rows(sql, *values)])  # type: ignore[operator]


METHODS = (
    Method(verb="GET", path="patients/#", group=READ_ALL, since=(21, 1), handle=get_one),
    Method(verb="GET", path="patients", group=READ_ALL, since=(21, 1), handle=search),
    Method(verb="GET", path="patients/Simple", group=READ_ALL, since=(21, 2), handle=simple),
    Method(verb="POST", path="patients", group=PATIENTS, since=(21, 1), handle=create),
    Method(verb="PUT", path="patients/#", group=PATIENTS, since=(21, 1), handle=change),
)
