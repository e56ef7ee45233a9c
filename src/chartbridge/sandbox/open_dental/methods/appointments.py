"""appointments and histappointments. Must not be in it: what the rows are (visits)."""

from __future__ import annotations

from chartbridge.sandbox.open_dental import answers, chart, visits, words
from chartbridge.sandbox.open_dental.answers import Names
from chartbridge.sandbox.open_dental.database import Row
from chartbridge.sandbox.open_dental.methods.calls import (
    APPOINTMENTS,
    COMM,
    READ_ALL,
    Answer,
    ApiError,
    Call,
    Method,
    day,
    one_of,
    truth,
    when,
    whole,
)

CONFIRM_BY_PREFERENCE = {
    "Sent": "ApptEConfirmStatusSent",
    "Confirmed": "ApptEConfirmStatusAccepted",
    "Not Accepted": "ApptEConfirmStatusDeclined",
    "Failed": "ApptEConfirmStatusSendFailed",
}
NUMBERS = ("Op", "ProvNum", "ProvHyg", "ClinicNum", "AppointmentTypeNum", "UnschedStatus")
DAY_END = " 23:59:59"


def get_one(call: Call) -> Answer:
    """GET /appointments/#."""
    server = call.db.now()
    return Answer(payload=answers.appointment(_visit(call), Names(call.db), server))


def get_list(call: Call) -> Answer:
    """GET /appointments, ordered by AptDateTime and AptNum."""
    where, values = _filters(call)
    return _list(call, "appointment", where, values, answers.appointment)


def get_history(call: Call) -> Answer:
    """GET /histappointments. There is no filter by HistDateTStamp."""
    where, values = _filters(call)
    if call.query.get("AptNum"):
        where.append("AptNum=?")
        values.append(call.number("AptNum"))
    if call.query.get("HistApptAction"):
        where.append("HistApptAction=?")
        values.append(one_of("HistApptAction", call.query["HistApptAction"], words.HISTORY_ACTION))
    return _list(call, "histappointment", where, values, answers.history, order="HistApptNum")


def create(call: Call) -> Answer:
    """POST /appointments."""
    values = {**_values(call), "PatNum": call.patient(call.wanted("PatNum")), "Op": call.wanted("Op")}
    if "AptDateTime" not in values:
        raise ApiError(400, "AptDateTime is required.")
    op = call.db.get("operatory", values["Op"])
    if op is None:
        raise ApiError(400, "Op is invalid.")
    values.setdefault("ProvNum", op["ProvDentist"])
    values.setdefault("Pattern", "/XX/")
    key = visits.create(call.db, call.actor, **values)
    made = answers.appointment(visits.visit(call.db, key), Names(call.db), call.db.now())
    return Answer(payload=made, status=201, location=f"/appointments/{key}")


def change(call: Call) -> Answer:
    """PUT /appointments/#."""
    row = _visit(call)
    values = _values(call)
    if "AptStatus" in call.body and values["AptStatus"] == words.Status.COMPLETE:
        visits.complete(call.db, call.actor, row["AptNum"])
        del values["AptStatus"]
    if values:
        visits.change(call.db, call.actor, row["AptNum"], values)
    return get_one(call)


def confirm(call: Call) -> Answer:
    """PUT /appointments/#/Confirm: exactly one of confirmVal and defNum."""
    row = _visit(call)
    if ("confirmVal" in call.body) == ("defNum" in call.body):
        raise ApiError(400, "Either confirmVal or defNum is required, but not both.")
    if "defNum" in call.body:
        status = call.definition(whole("defNum", call.body["defNum"]), 2, "defNum")
    elif call.body["confirmVal"] == "None":
        status = visits.first_confirmed(call.db)
    elif call.body["confirmVal"] in CONFIRM_BY_PREFERENCE:
        status = int(call.db.preference(CONFIRM_BY_PREFERENCE[str(call.body["confirmVal"])], "0"))
    else:
        raise ApiError(400, "confirmVal is invalid.")
    visits.confirm(call.db, call.actor, row["AptNum"], status)
    return Answer()


def break_(call: Call) -> Answer:
    """PUT /appointments/#/Break."""
    row = _visit(call)
    if row["AptStatus"] != words.Status.SCHEDULED:
        raise ApiError(400, "Only appointments with an AptStatus of Scheduled can be broken.")
    unscheduled = truth("sendToUnscheduledList", call.body.get("sendToUnscheduledList", "true"))
    kind = call.body.get("breakType", "Missed")
    if kind not in ("Missed", "Cancelled"):
        raise ApiError(400, "breakType is invalid.")
    visits.break_visit(
        call.db, call.actor, row["AptNum"], missed=kind == "Missed", unscheduled=bool(unscheduled)
    )
    return Answer()


def note(call: Call) -> Answer:
    """PUT /appointments/#/Note: appends a line."""
    row = _visit(call)
    added = call.words("Note")
    if not added:
        raise ApiError(400, "Note is required.")
    whole_note = f"{row['Note']}\n{added}" if row["Note"] else added
    visits.change(call.db, call.actor, row["AptNum"], {"Note": chart.as_stored(whole_note)})
    return Answer()


def _visit(call: Call) -> Row:
    row = call.db.get("appointment", call.numbers[0])
    if row is None:
        raise ApiError(404, "Appointment not found.")
    return row


def _filters(call: Call) -> tuple[list[str], list[object]]:
    where: list[str] = []
    values: list[object] = []
    for name in ("PatNum", "Op", "ClinicNum", "AppointmentTypeNum"):
        if call.query.get(name):
            where.append(f"{name}=?")
            values.append(call.number(name))
    if call.query.get("AptStatus"):
        where.append("AptStatus=?")
        values.append(one_of("AptStatus", call.query["AptStatus"], words.APT_STATUS))
    start = call.query.get("date") or call.query.get("dateStart")
    end = call.query.get("date") or call.query.get("dateEnd")
    if start:
        where.append("AptDateTime>=?")
        values.append(day("dateStart", start) + " 00:00:00")
    if end:
        where.append("AptDateTime<=?")
        values.append(day("dateEnd", end) + DAY_END)
    if call.query.get("DateTStamp"):
        where.append("DateTStamp>=?")
        values.append(when("DateTStamp", call.query["DateTStamp"]))
    return where, values


def _list(
    call: Call,
    table: str,
    where: list[str],
    values: list[object],
    shape: object,
    order: str = "AptDateTime,AptNum",
) -> Answer:
    limit, offset = call.page()
    server = call.db.now()
    condition = " AND ".join(where) or "1=1"
    sql = f"SELECT * FROM {table} WHERE {condition} ORDER BY {order} LIMIT {limit} OFFSET {offset}"
    names = Names(call.db)
    return Answer(payload=[shape(row, names, server) for row in call.db.rows(sql, *values)])  # type: ignore[operator]


def _values(call: Call) -> Row:
    body = call.body
    values: Row = {n: whole(n, body[n]) for n in NUMBERS if n in body}
    if "AptStatus" in body:
        values["AptStatus"] = one_of("AptStatus", body["AptStatus"], words.APT_STATUS)
    if "Confirmed" in body:
        values["Confirmed"] = call.definition(whole("Confirmed", body["Confirmed"]), 2, "Confirmed")
    if "Priority" in body:
        values["Priority"] = one_of("Priority", body["Priority"], words.PRIORITY)
    if "AptDateTime" in body:
        values["AptDateTime"] = when("AptDateTime", call.words("AptDateTime"))
    if "Note" in body:
        values["Note"] = chart.as_stored(call.words("Note"))
    if "Pattern" in body:
        if set(call.words("Pattern")) - {"/", "X"}:
            raise ApiError(400, "Pattern is invalid.")
        values["Pattern"] = call.words("Pattern")[:255]
    values |= {n: truth(n, body[n]) for n in ("IsHygiene", "IsNewPatient") if n in body}
    return values


METHODS = (
    Method(verb="GET", path="appointments/#", group=READ_ALL, since=(21, 1), handle=get_one),
    Method(verb="GET", path="appointments", group=READ_ALL, since=(21, 1), handle=get_list),
    Method(verb="POST", path="appointments", group=APPOINTMENTS, since=(21, 1), handle=create),
    Method(verb="PUT", path="appointments/#", group=APPOINTMENTS, since=(21, 1), handle=change),
    Method(verb="PUT", path="appointments/#/Confirm", group=COMM, since=(21, 2), handle=confirm),
    Method(verb="PUT", path="appointments/#/Break", group=COMM, since=(21, 1), handle=break_),
    Method(verb="PUT", path="appointments/#/Note", group=COMM, since=(21, 1), handle=note),
    Method(verb="GET", path="histappointments", group=READ_ALL, since=(23, 1, 30), handle=get_history),
)
