"""What the program writes when an appointment is made, changed, confirmed, broken, completed or deleted.

The order of the rows is that of the vendor's public source 24.3: appointment, signals (only within the days of
ApptAutoRefreshRange), a copy in histappointment, the audit trail. That the API's calls leave the same rows is
inferred from their running through the same business layer. Must not be in it: HTTP.
"""

from __future__ import annotations

from datetime import timedelta

from chartbridge.sandbox.open_dental import audit
from chartbridge.sandbox.open_dental.audit import Actor
from chartbridge.sandbox.open_dental.clock import NONE_TIME, moment
from chartbridge.sandbox.open_dental.database import Database, Row
from chartbridge.sandbox.open_dental.words import APT_STATUS, Action, Permission, Signal, Status, name

TRIGGERS = (
    ("AppointmentTimeArrivedTrigger", "DateTimeArrived"),
    ("AppointmentTimeSeatedTrigger", "DateTimeSeated"),
    ("AppointmentTimeDismissedTrigger", "DateTimeDismissed"),
)
HASHED = ("AptStatus", "Confirmed", "AptDateTime")


def visit(db: Database, key: int) -> Row:
    """Return the appointment; KeyError if there is none."""
    row = db.get("appointment", key)
    if row is None:
        raise KeyError(f"AptNum {key} not found.")
    return row


def create(db: Database, actor: Actor, **values: object) -> int:
    """Book an appointment and return its number."""
    with db.transaction():
        row: Row = {"Confirmed": first_confirmed(db), "AptStatus": int(Status.SCHEDULED), **values}
        row["SecurityHash"] = audit.sandbox_hash(row, *HASHED)
        row |= {"SecUserNumEntry": actor.user, "SecDateTEntry": db.now()}
        key = db.insert("appointment", **row)
        made = visit(db, key)
        signal_visit(db, made)
        history(db, actor, key, Action.CREATED)
        audit.log(
            db,
            actor,
            Permission.APPOINTMENT_CREATE,
            f"{made['AptDateTime']}, {made['ProcDescript']}",
            patient=made["PatNum"],
            fkey=key,
        )
        audit.entry(db, actor, key)
    return key


def change(
    db: Database,
    actor: Actor,
    key: int,
    values: Row,
    *,
    permission: Permission = Permission.APPOINTMENT_EDIT,
    text: str = "",
    action: Action = Action.CHANGED,
) -> None:
    """Change an appointment's columns, and tell everybody."""
    with db.transaction():
        old = visit(db, key)
        hashed = audit.sandbox_hash({**old, **values}, *HASHED)
        db.update("appointment", key, **{**values, "SecurityHash": hashed})
        signal_visit(db, visit(db, key), old)
        history(db, actor, key, action)
        audit.log(db, actor, permission, text, patient=old["PatNum"], fkey=key, previous=_previous(old))


def confirm(db: Database, actor: Actor, key: int, status: int) -> None:
    """Set the confirmed status; the first of the three trigger preferences that equals it sets its time."""
    with db.transaction():
        old = visit(db, key)
        values: Row = {"Confirmed": status}
        for preference, column in TRIGGERS:
            if db.preference(preference) == str(status):
                values[column] = db.now()
                break
        values["SecurityHash"] = audit.sandbox_hash({**old, **values}, *HASHED)
        db.update("appointment", key, **values)
        signal_visit(db, old)
        history(db, actor, key, Action.CHANGED)
        if old["Confirmed"] != status:
            was, now = confirmed_name(db, old["Confirmed"]), confirmed_name(db, status)
            audit.log(
                db,
                actor,
                Permission.CONFIRM_STATUS,
                f"Appointment confirmation status changed from {was} to {now} from the appointment module.",
                patient=old["PatNum"],
                fkey=key,
                previous=_previous(old),
            )


def break_visit(db: Database, actor: Actor, key: int, *, missed: bool, unscheduled: bool = False) -> None:
    """Break an appointment (missed or cancelled), or put it on the unscheduled list."""
    status = Status.UNSCHEDULED if unscheduled else Status.BROKEN
    change(
        db,
        actor,
        key,
        {"AptStatus": int(status)},
        text=f"Appointment {'missed' if missed else 'cancelled'}, {name(APT_STATUS, status)}",
        action=Action.MISSED if missed else Action.CANCELLED,
    )


def complete(db: Database, actor: Actor, key: int) -> None:
    """Set an appointment complete."""
    row = visit(db, key)
    text = f"{row['ProcDescript']}, {row['AptDateTime']}, Set Complete"
    change(db, actor, key, {"AptStatus": int(Status.COMPLETE)}, text=text)


def delete(db: Database, actor: Actor, key: int) -> None:
    """Delete an appointment: a copy in the history, then the row is physically gone."""
    with db.transaction():
        old = visit(db, key)
        history(db, actor, key, Action.DELETED)
        db.delete("appointment", key)
        signal_visit(db, old)
        audit.log(
            db,
            actor,
            Permission.APPOINTMENT_DELETE,
            f"Deleted {old['AptDateTime']}",
            patient=old["PatNum"],
            fkey=key,
            previous=_previous(old),
        )


def history(db: Database, actor: Actor, key: int, action: Action) -> None:
    """Copy the row as it is now into histappointment."""
    row = visit(db, key)
    columns = db.schema["histappointment"]
    copied = {k: ("" if v is None else v) for k, v in row.items() if columns.has(k) and k != "DateTStamp"}
    db.insert(
        "histappointment",
        HistUserNum=actor.user,
        HistDateTStamp=db.now(),
        HistApptAction=int(action),
        ApptSource=audit.APPT_SOURCE_API if actor.by_api else 0,
        **copied,
    )


def signal_visit(db: Database, row: Row, old: Row | None = None) -> None:
    """Signal provider, hygienist, operatory and patient, and those that a move left behind."""
    for at in (row, old):
        if at is None or not _shown(db, str(at["AptDateTime"])):
            continue
        moved = old is not None and at is old
        for kind, column in (
            ("Provider", "ProvNum"),
            ("Provider", "ProvHyg"),
            ("Operatory", "Op"),
            ("PatNum", "PatNum"),
        ):
            same = moved and at[column] == row[column] and at["AptDateTime"][:10] == row["AptDateTime"][:10]
            if (at[column] or column == "ProvNum") and not same:
                audit.signal(
                    db, Signal.APPOINTMENT, fkey_type=kind, fkey=at[column], date=at["AptDateTime"][:10]
                )


def first_confirmed(db: Database) -> int:
    """Return the status of a new appointment: the first of its category."""
    found = db.value(
        "SELECT DefNum FROM definition WHERE Category=2 AND IsHidden=0 ORDER BY ItemOrder LIMIT 1"
    )
    return int(found or 0)


def confirmed_name(db: Database, status: int) -> str:
    """Return a confirmed status's name, empty if no definition has that number."""
    return str(db.value("SELECT ItemName FROM definition WHERE DefNum=? AND Category=2", status) or "")


def _shown(db: Database, at: str) -> bool:
    days = int(db.preference("ApptAutoRefreshRange", "4"))
    if days == -1:
        return True
    today = moment(db.now()).date()
    try:
        day = moment(at).date()
    except ValueError:
        return False
    return today <= day <= today + timedelta(days=days)


def _previous(old: Row) -> str:
    return str(old["DateTStamp"] or NONE_TIME)
