"""What the program writes for tasks and their notes. Order of rows: the vendor's public source 24.3.

A note doesn't move task.SecDateTEdit. Must not be in it: HTTP.
"""

from __future__ import annotations

from chartbridge.sandbox.open_dental import audit
from chartbridge.sandbox.open_dental.audit import Actor
from chartbridge.sandbox.open_dental.database import Database, Row
from chartbridge.sandbox.open_dental.words import Permission, Signal

DONE = 2


def add_task(db: Database, actor: Actor, *, list_: int, text: str, user: int, **values: object) -> int:
    """Add a task to a list."""
    with db.transaction():
        now = db.now()
        defaults: Row = {"DateTimeEntry": now, "DateTimeOriginal": now}
        key = db.insert("task", **{**defaults, **values}, TaskListNum=list_, Descript=text, UserNum=user)
        parent = list_
        while parent:
            db.insert("taskancestor", TaskNum=key, TaskListNum=parent)
            parent = int(db.value("SELECT Parent FROM tasklist WHERE TaskListNum=?", parent) or 0)
        audit.log(db, actor, Permission.TASK_EDIT, "Task created", fkey=key)
        audit.signal(db, Signal.TASK_LIST, fkey=list_)
        audit.signal(db, Signal.TASK, fkey_type="Task", fkey=key)
    return key


def add_note(db: Database, actor: Actor, task: Row, *, user: int, text: str) -> int:
    """Add a note to a task; the people who follow it see it as unread."""
    with db.transaction():
        number = int(task["TaskNum"])
        key = db.insert("tasknote", TaskNum=number, UserNum=user, DateTimeNote=db.now(), Note=text)
        patient = _patient(db, task)
        audit.log(db, actor, Permission.TASK_NOTE_EDIT, "Added task note", patient=patient, fkey=number)
        audit.signal(db, Signal.TASK_POPUP, fkey_type="Task", fkey=number)
        if task["TaskStatus"] != DONE:
            _unread(db, task, user)
        audit.signal(db, Signal.TASK_LIST, fkey=task["TaskListNum"])
        audit.signal(db, Signal.TASK, fkey_type="Task", fkey=number)
        if task["TaskStatus"] == DONE:
            db.update("task", number, TaskStatus=1)
    return key


def _patient(db: Database, task: Row) -> int:
    if task["ObjectType"] == 1:
        return int(task["KeyNum"])
    if task["ObjectType"] == 2:
        return int(db.value("SELECT PatNum FROM appointment WHERE AptNum=?", task["KeyNum"]) or 0)
    return 0


def _unread(db: Database, task: Row, author: int) -> None:
    followers = db.rows(
        "SELECT DISTINCT s.UserNum AS UserNum FROM tasksubscription s JOIN taskancestor a "
        "ON a.TaskListNum=s.TaskListNum WHERE a.TaskNum=?",
        task["TaskNum"],
    )
    for user in {task["UserNum"], *(r["UserNum"] for r in followers)} - {author, 0}:
        db.insert("taskunread", TaskNum=task["TaskNum"], UserNum=user)
