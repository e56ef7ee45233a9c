"""Fills an empty practice: patients, a day around now, months before and after, insurance, pictures, papers.

Everything comes from one seed; the day's visits are placed around the present moment, so that at any hour
there are past, present and coming ones. Must not be in it: the big practice for benchmarks (seed_large).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from chartbridge.sandbox.open_dental import chart, pictures, visits
from chartbridge.sandbox.open_dental.audit import FRONT_DESK, sandbox_hash
from chartbridge.sandbox.open_dental.clock import NONE_TIME, moment, text
from chartbridge.sandbox.open_dental.database import Database, Row
from chartbridge.sandbox.open_dental.people import patients
from chartbridge.sandbox.open_dental.words import Action

DAY_LENGTH = timedelta(hours=9)
BACK_DAYS, AHEAD_DAYS = 90, 365
ROOMS = ((1, 1, 0), (2, 1, 0), (3, 2, 0), (4, 1, 3), (5, 2, 4))
"""Operatory, dentist, hygienist."""
LENGTHS = (30, 30, 40, 40, 50, 60, 60, 80)
WORK = ("Prophy, Per Ex", "Crown #14", "Comp Filling", "Root Canal", "New Pt Exam, FMX", "Ext", "SRP UR", "")
PICTURES, STATEMENTS, INSURANCE, MISCELLANEOUS = 190, 240, 131, 137


def seed(db: Database, *, count: int = 500, number: int = 7) -> None:
    """Fill the practice; `set_up` was done before."""
    now = moment(db.now())
    chance = random.Random(number)  # noqa: S311
    people = list(patients(count, number, now.date()))
    with db.transaction():
        _patients(db, chance, people, now)
        _insurance(db, chance, people)
        active = [p["PatNum"] for p in people if p["PatStatus"] == 0]
        booked = list(_calendar(chance, active, now, count))
        db.insert_many("appointment", booked)
        _histories(db, booked, now)
        _commlogs(db, chance, active, now)
    _papers(db, chance, active, booked, now)


def slots(chance: random.Random, day: date, start: time, length: timedelta, share: float) -> Iterator[Row]:
    """Yield the visits of one day: every room from opening to closing, with gaps; `share` of it is booked."""
    opening = datetime.combine(day, start)
    for room, dentist, hygienist in ROOMS:
        at = opening + timedelta(minutes=10 * chance.randrange(3))
        while at < opening + length:
            minutes = chance.choice(LENGTHS)
            if chance.random() < share:
                yield {
                    "AptDateTime": text(at),
                    "Op": room,
                    "ProvNum": dentist,
                    "ProvHyg": hygienist,
                    "IsHygiene": int(hygienist > 0),
                    "Pattern": "/" + "X" * (minutes // 5 - 2) + "/",
                    "ProcDescript": chance.choice(WORK),
                }
            at += timedelta(minutes=minutes + chance.choice((0, 0, 0, 10, 20)))


def opening(now: datetime) -> time:
    """Return when today's office opens, so that now lies inside the day as well as midnight lets it."""
    midnight = datetime.combine(now.date(), time())
    latest = midnight + timedelta(hours=24) - DAY_LENGTH
    start = min(max(now - DAY_LENGTH / 2, midnight), latest)
    return start.replace(minute=start.minute // 10 * 10, second=0).time()


def _patients(db: Database, chance: random.Random, people: list[Row], now: datetime) -> None:
    rows = []
    for person in people:
        entered = now - timedelta(days=chance.randrange(100, 2500))
        row = {
            **person,
            "LName": chart.scrubbed(str(person["LName"]), 100),
            "FName": chart.scrubbed(str(person["FName"]), 100),
            "SecDateEntry": text(entered)[:10],
            "DateFirstVisit": text(entered)[:10],
            "DateTStamp": text(now - timedelta(minutes=chance.randrange(60, 200_000))),
            "SecurityHash": sandbox_hash(person, "PatNum"),
        }
        if person["PatStatus"] == 5:
            row["DateTimeDeceased"] = text(now - timedelta(days=200))
        rows.append(row)
    db.insert_many("patient", rows)


def _insurance(db: Database, chance: random.Random, people: list[Row]) -> None:
    plans = [
        {
            "PlanNum": n,
            "GroupName": f"Employer {n}",
            "GroupNum": f"G{n:04}",
            "CarrierNum": chance.randrange(1, 6),
        }
        for n in range(1, 21)
    ]
    db.insert_many("insplan", plans)
    subs: list[Row] = []
    patplans: list[Row] = []
    insured: dict[int, int] = {}
    for person in people:
        head = person["Guarantor"]
        if head == person["PatNum"] and chance.random() < 0.65:
            insured[head] = len(subs) + 1
            subs.append(
                {
                    "InsSubNum": insured[head],
                    "PlanNum": chance.randrange(1, 21),
                    "Subscriber": head,
                    "SubscriberID": f"W{chance.randrange(10**8):08}",
                }
            )
        if head in insured:
            relationship = 0 if head == person["PatNum"] else 2 if person["Position"] == 2 else 1
            patplans.append(
                {
                    "PatPlanNum": len(patplans) + 1,
                    "PatNum": person["PatNum"],
                    "Ordinal": 1,
                    "Relationship": relationship,
                    "InsSubNum": insured[head],
                }
            )
    db.insert_many("inssub", subs)
    db.insert_many("patplan", patplans)
    verifies = [{"VerifyType": 1, "FKey": p["PlanNum"]} for p in plans]
    verifies += [{"VerifyType": 2, "FKey": p["PatPlanNum"]} for p in patplans]
    db.insert_many("insverify", verifies)


def _calendar(chance: random.Random, active: list[int], now: datetime, count: int) -> Iterator[Row]:
    queue: list[int] = []
    number = 0
    for offset in range(-BACK_DAYS, AHEAD_DAYS + 1):
        day = now.date() + timedelta(days=offset)
        if offset and day.weekday() == 6:
            continue
        share = 1.0 if offset == 0 else 0.55 if offset < 0 else max(0.05, 0.5 - offset / 250)
        share *= min(1.0, count / 300)
        start = opening(now) if offset == 0 else time(8)
        for slot in slots(chance, day, start, DAY_LENGTH, share):
            if not queue:
                queue = chance.sample(active, len(active))
            number += 1
            made = now + timedelta(days=min(offset, 0) - chance.randrange(1, 60))
            row = {
                **slot,
                "AptNum": number,
                "PatNum": queue.pop(),
                "SecUserNumEntry": 2,
                "SecDateTEntry": text(made),
                "DateTStamp": text(min(made + timedelta(days=1), now - timedelta(hours=2))),
                **_state(chance, moment(slot["AptDateTime"]), len(slot["Pattern"]) * 5, now),
            }
            row["SecurityHash"] = sandbox_hash(row, *visits.HASHED)
            yield row


def _state(chance: random.Random, at: datetime, minutes: int, now: datetime) -> Row:
    """What the visit looks like now: done, here, or still to come."""
    none = {"DateTimeArrived": NONE_TIME, "DateTimeSeated": NONE_TIME, "DateTimeDismissed": NONE_TIME}
    end = at + timedelta(minutes=minutes)
    if at > now:
        near = at - now < timedelta(days=3)
        confirmed = chance.choices(
            (19, 24, 21, 20, 255, 289), (2, 2, 6, 1, 2, 1) if near else (9, 4, 1, 0, 0, 0)
        )
        return {
            **none,
            "AptStatus": 1,
            "Confirmed": confirmed[0],
            "IsNewPatient": int(chance.random() < 0.05),
        }
    if chance.random() < 0.07:
        return {**none, "AptStatus": 5, "Confirmed": 19}
    arrived = at - timedelta(minutes=chance.randrange(0, 15))
    seated = at + timedelta(minutes=chance.randrange(0, 9))
    times = {**none, "DateTimeArrived": text(arrived)}
    if end <= now:
        times |= {"DateTimeSeated": text(seated), "DateTimeDismissed": text(end)}
        return {**times, "AptStatus": 2, "Confirmed": 246}
    if chance.random() < 0.2:
        return {**none, "AptStatus": 1, "Confirmed": 21}
    if seated < now:
        return {**times, "DateTimeSeated": text(seated), "AptStatus": 1, "Confirmed": 25}
    return {**times, "AptStatus": 1, "Confirmed": 22}


def _histories(db: Database, booked: list[Row], now: datetime) -> None:
    """The tail of the history: what was booked for the days around today."""
    since, until = text(now - timedelta(days=3)), text(now + timedelta(days=5))
    hours_ago = text(now - timedelta(hours=2))
    rows = [
        {
            **{k: v for k, v in row.items() if k != "DateTStamp"},
            "HistUserNum": 2,
            "HistDateTStamp": hours_ago,
            "DateTStamp": hours_ago,
            "HistApptAction": int(Action.CHANGED),
        }
        for row in booked
        if since < row["AptDateTime"] < until
    ]
    db.insert_many("histappointment", rows)
    signals = [
        {"DateViewing": r["AptDateTime"][:10], "SigDateTime": hours_ago, "FKey": r["PatNum"],
         "FKeyType": "PatNum", "IType": 68}
        for r in rows
    ]  # fmt: skip
    db.insert_many("signalod", signals)


def _commlogs(db: Database, chance: random.Random, active: list[int], now: datetime) -> None:
    notes = (
        "Left a message about the next visit.",
        "Called back, will bring the forms.",
        "Text: running late.",
    )
    rows = []
    for _ in range(len(active)):
        at = text(now - timedelta(minutes=chance.randrange(120, 130_000)))
        rows.append(
            {"PatNum": chance.choice(active), "CommDateTime": at, "CommType": chance.choice((235, 239, 304)),
             "Note": chance.choice(notes), "Mode_": chance.choice((3, 5)), "SentOrReceived": chance.choice((1, 2)),
             "UserNum": 2, "DateTEntry": at, "DateTStamp": at, "CommSource": 0}
        )  # fmt: skip
    db.insert_many("commlog", rows)


def _papers(db: Database, chance: random.Random, active: list[int], booked: list[Row], now: datetime) -> None:
    """Pictures for most of today's patients, insurance papers and statements for some."""
    today = text(now)[:10]
    coming = sorted({r["PatNum"] for r in booked if r["AptDateTime"].startswith(today)})
    pictured = {p for p in coming if chance.random() < 0.6} | set(chance.sample(active, min(20, len(active))))
    for patient in sorted(pictured):
        at = text(now - timedelta(days=chance.randrange(1, 900)))
        _import(db, patient, pictures.portrait(patient), ".png", PICTURES, "", at)
    papers = (
        (INSURANCE, "Insurance card"),
        (STATEMENTS, "Statement"),
        (MISCELLANEOUS, "Form"),
    )
    for patient in chance.sample(coming, min(25, len(coming))) + chance.sample(active, min(15, len(active))):
        category, title = chance.choice(papers)
        at = text(now - timedelta(days=chance.randrange(1, 400)))
        content = pictures.paper(f"{title} (sample)", f"Patient number {patient}")
        key = _import(db, patient, content, ".pdf", category, title, at)
        if category == STATEMENTS:
            db.insert("statement", PatNum=patient, DateSent=at[:10], IsSent=1, DocNum=key)


def _import(
    db: Database, patient: int, content: bytes, ending: str, category: int, description: str, at: str
) -> int:
    stamp = db.value("SELECT DateTStamp FROM patient WHERE PatNum=?", patient)
    key = chart.import_document(
        db,
        FRONT_DESK,
        patient=patient,
        content=content,
        ending=ending,
        category=category,
        description=description,
        at=at,
        log=False,
    )
    db.update("document", key, DateTStamp=at)
    db.update("patient", patient, DateTStamp=stamp)
    return key
