"""tasks, tasknotes, tasklists."""

from __future__ import annotations

from datetime import timedelta

from chartbridge.sandbox.open_dental import answers, audit, chart, tasks, words
from chartbridge.sandbox.open_dental.clock import moment, text
from chartbridge.sandbox.open_dental.database import Row
from chartbridge.sandbox.open_dental.methods.calls import (
    ALL_OTHERS,
    READ_ALL,
    Answer,
    ApiError,
    Call,
    Method,
    one_of,
    when,
    whole,
)
from chartbridge.sandbox.open_dental.words import Permission


def get_one(call: Call) -> Answer:
    """GET /tasks/#."""
    return Answer(payload=answers.task(_task(call, call.numbers[0])))


def get_list(call: Call) -> Answer:
    """GET /tasks: without DateTimeOriginal only those of the last 14 days."""
    since = call.query.get("DateTimeOriginal")
    start = when("DateTimeOriginal", since) if since else text(moment(call.db.now()) - timedelta(days=14))
    where, values = ["DateTimeOriginal>=?"], list[object]([start])
    for name in ("TaskListNum", "KeyNum"):
        if call.query.get(name):
            where.append(f"{name}=?")
            values.append(call.number(name))
    for name, enum in (("ObjectType", words.TASK_OBJECT), ("TaskStatus", words.TASK_STATUS)):
        if call.query.get(name):
            where.append(f"{name}=?")
            values.append(one_of(name, call.query[name], enum))
    limit, offset = call.page()
    rows = call.db.rows(
        f"SELECT * FROM task WHERE {' AND '.join(where)} ORDER BY TaskNum LIMIT {limit} OFFSET {offset}",
        *values,
    )
    return Answer(payload=[answers.task(row) for row in rows])


def create(call: Call) -> Answer:
    """POST /tasks."""
    list_, user = call.wanted("TaskListNum"), call.wanted("UserNum")
    if call.db.get("tasklist", list_) is None:
        raise ApiError(400, "TaskListNum is invalid.")
    descript = call.words("Descript")
    if not descript:
        raise ApiError(400, "Descript is required.")
    values: Row = {}
    if "KeyNum" in call.body:
        values["KeyNum"] = call.wanted("KeyNum")
        values["ObjectType"] = one_of("ObjectType", call.body.get("ObjectType"), words.TASK_OBJECT)
    if "PriorityDefNum" in call.body:
        values["PriorityDefNum"] = call.definition(call.wanted("PriorityDefNum"), 33, "PriorityDefNum")
    key = tasks.add_task(
        call.db, call.actor, list_=list_, text=chart.as_stored(descript), user=user, **values
    )
    return Answer(payload=answers.task(_task(call, key)), status=201, location=f"/tasks/{key}")


def change(call: Call) -> Answer:
    """PUT /tasks/#: a new Descript turns Done into Viewed."""
    row = _task(call, call.numbers[0])
    values: Row = {}
    if "Descript" in call.body:
        values["Descript"] = chart.as_stored(call.words("Descript"))
        if row["TaskStatus"] == tasks.DONE:
            values["TaskStatus"] = 1
    if "TaskStatus" in call.body:
        call.needs((24, 2, 10), "TaskStatus")
        values["TaskStatus"] = one_of("TaskStatus", call.body["TaskStatus"], words.TASK_STATUS)
    if values:
        call.db.update("task", row["TaskNum"], **values)
        audit.log(call.db, call.actor, Permission.TASK_EDIT, "", fkey=row["TaskNum"])
    return get_one(call)


def notes(call: Call) -> Answer:
    """GET /tasknotes?TaskNum=&UserNum=."""
    where, values = ["1=1"], list[object]()
    for name in ("TaskNum", "UserNum"):
        if call.query.get(name):
            where.append(f"{name}=?")
            values.append(call.number(name))
    limit, offset = call.page()
    rows = call.db.rows(
        f"SELECT * FROM tasknote WHERE {' AND '.join(where)} ORDER BY TaskNoteNum LIMIT {limit} OFFSET {offset}",
        *values,
    )
    return Answer(payload=[answers.plain(row) for row in rows])


def note(call: Call) -> Answer:
    """GET /tasknotes/#."""
    return Answer(payload=answers.plain(_note(call, call.numbers[0])))


def add_note(call: Call) -> Answer:
    """POST /tasknotes."""
    task = _task(call, call.wanted("TaskNum"))
    words_ = call.words("Note")
    if not words_:
        raise ApiError(400, "Note is required.")
    user = call.wanted("UserNum")
    key = tasks.add_note(call.db, call.actor, task, user=user, text=chart.as_stored(words_))
    return Answer(payload=answers.plain(_note(call, key)), status=201, location=f"/tasknotes/{key}")


def change_note(call: Call) -> Answer:
    """PUT /tasknotes/#: overwrites."""
    row = _note(call, call.numbers[0])
    values: Row = {}
    if "Note" in call.body:
        values["Note"] = chart.as_stored(call.words("Note"))
    if "DateTimeNote" in call.body:
        values["DateTimeNote"] = when("DateTimeNote", call.words("DateTimeNote"))
    if values:
        call.db.update("tasknote", row["TaskNoteNum"], **values)
    return note(call)


def lists(call: Call) -> Answer:
    """GET /tasklists."""
    limit, offset = call.page()
    rows = call.db.rows(f"SELECT * FROM tasklist ORDER BY TaskListNum LIMIT {limit} OFFSET {offset}")
    return Answer(payload=[answers.plain(row) for row in rows])


def _task(call: Call, key: int) -> Row:
    row = call.db.get("task", whole("TaskNum", key))
    if row is None:
        raise ApiError(404, "Task not found.")
    return row


def _note(call: Call, key: int) -> Row:
    row = call.db.get("tasknote", key)
    if row is None:
        raise ApiError(404, "TaskNote not found.")
    return row


METHODS = (
    Method(verb="GET", path="tasks/#", group=READ_ALL, since=(24, 4, 13), handle=get_one),
    Method(verb="GET", path="tasks", group=READ_ALL, since=(22, 3, 16), handle=get_list),
    Method(verb="POST", path="tasks", group=ALL_OTHERS, since=(22, 3, 17), handle=create),
    Method(verb="PUT", path="tasks/#", group=ALL_OTHERS, since=(22, 4, 15), handle=change),
    Method(verb="GET", path="tasknotes/#", group=READ_ALL, since=(24, 4, 22), handle=note),
    Method(verb="GET", path="tasknotes", group=READ_ALL, since=(24, 4, 22), handle=notes),
    Method(verb="POST", path="tasknotes", group=ALL_OTHERS, since=(24, 4, 22), handle=add_note),
    Method(verb="PUT", path="tasknotes/#", group=ALL_OTHERS, since=(24, 4, 22), handle=change_note),
    Method(verb="GET", path="tasklists", group=READ_ALL, since=(22, 3, 16), handle=lists),
)
