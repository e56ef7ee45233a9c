"""One checker for all: when things are quiet again, is everything where it belongs? It believes the PMS only."""

from __future__ import annotations

from collections import defaultdict

from chartbridge.domain.text import same_text
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.reading import Stream
from chartbridge.store import ledger
from chartbridge.store.models import (
    Delivery,
    MirrorAppointment,
    MirrorDocument,
    MirrorPatient,
    Seen,
    Writeback,
)
from tests.simulation.pms import Pms, Written
from tests.simulation.results import Told, Verdict


def judge(verdict: Verdict, pms: Pms, practice_id: int, connection_id: int, told: list[Told]) -> None:
    """Fill in what is wrong."""
    rows = list(Writeback.objects.filter(practice_id=practice_id).order_by("id"))
    _activities(verdict, pms, rows, told)
    _moves(verdict, pms, rows)
    for row in rows:
        _one(verdict, pms, row, connection_id)
    known = {row.marker for row in rows}
    verdict.wrong += [f"record {r.number} is of nobody" for r in pms.records if r.marker not in known]
    report = ledger.verify(practice_id)
    if not report.whole:
        verdict.wrong.append(f"ledger {report}")
    _mirror(verdict, pms, connection_id)


def _activities(verdict: Verdict, pms: Pms, rows: list[Writeback], told: list[Told]) -> None:
    of: dict[int, list[Writeback]] = defaultdict(list)
    for row in rows:
        if row.activity_id:
            of[row.activity_id].append(row)
    for each in told:
        mine = of.get(each.activity_id, [])
        if not mine:
            verdict.lost.append(f"activity {each.activity_id} has no writebacks")
        holding = [r for r in pms.records if each.token in r.text or each.token.encode() in r.content]
        if len(holding) > 1:
            verdict.twice.append(f"activity {each.activity_id} stands in {len(holding)} records")
        for record in holding:
            if each.patient_key and record.wrote_for != each.patient_key:
                verdict.wrong.append(f"activity {each.activity_id} was written for another patient")


def _moves(verdict: Verdict, pms: Pms, rows: list[Writeback]) -> None:
    """What the hub set at an appointment must be its wishes, in their order, each at most once.

    But for one thing that it can't know: its answer was lost, and before it could look the desk had put the
    appointment back to where it was. Then it sets it once more.
    """
    wishes: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.command == CommandKind.SET_APPOINTMENT_STATUS:
            wishes[row.payload["appointment_key"]].append(row.payload["status_key"])
    for key, wished in wishes.items():
        moves = [(status, who) for appointment, status, who in pms.set if appointment == key]
        done: list[str] = []
        for at, (status, who) in enumerate(moves):
            put_back = at > 0 and moves[at - 1][1] == "desk" and done and done[-1] == status
            if who == "hub" and not put_back:
                done.append(status)
        left = iter(wished)
        if not all(any(wish == status for wish in left) for status in done):
            verdict.twice.append(f"appointment {key}: wished {wished}, set {done}")


def _one(verdict: Verdict, pms: Pms, row: Writeback, connection_id: int) -> None:
    name = f"writeback {row.pk} ({row.command}, {row.delivery}/{row.seen}, {row.reason_code})"
    records = [r for r in pms.records if row.marker and r.marker == row.marker]
    if len(records) > 1:
        verdict.twice.append(f"{name} stands {len(records)} times")
    if any(record.wrote_for != row.patient_key for record in records):
        verdict.wrong.append(f"{name} stands on another patient")
    if row.delivery in (Delivery.QUEUED, Delivery.SENDING, Delivery.UNCERTAIN):
        verdict.unknown.append(f"{name} never came to rest")
    elif row.delivery == Delivery.TAKEN and row.seen == Seen.OWED:
        verdict.unknown.append(f"{name} was never read back")
    elif row.delivery == Delivery.TAKEN and row.seen == Seen.SEEN:
        _done(verdict, name, row, [r.text for r in records])
    elif not row.reason_code or not row.reason:
        verdict.unknown.append(f"{name} stands without a reason")
    elif row.delivery == Delivery.REFUSED and any(_under_its_patient(pms, row, each) for each in records):
        verdict.wrong.append(f"{name} is said to be refused and stands in the chart")
    elif row.reason_code == "unknown_patient" and _living(connection_id, row.patient_key):
        verdict.unknown.append(f"{name} waits for a patient who is there")


def _under_its_patient(pms: Pms, row: Writeback, record: Written) -> bool:
    """A patient who was merged away or deleted took the note along before anybody could look for it."""
    return record.patient_key == row.patient_key and row.patient_key in pms.patients()


def _done(verdict: Verdict, name: str, row: Writeback, texts: list[str]) -> None:
    if not row.text_hash or not row.seen_at:
        verdict.unknown.append(f"{name} has no receipt")
    if row.command == CommandKind.SET_APPOINTMENT_STATUS:
        return
    if not texts:
        verdict.lost.append(f"{name} is said to be in the chart")
    elif not same_text(row.text, texts[0]):
        verdict.wrong.append(f"{name} stands with another text")
    if not row.record:
        verdict.unknown.append(f"{name} has no record number")


def _living(connection_id: int, key: str) -> bool:
    return MirrorPatient.objects.filter(connection_id=connection_id, key=key).exists()


def _mirror(verdict: Verdict, pms: Pms, connection_id: int) -> None:
    def differs(
        what: str, stream: Stream, mirror: dict[str, tuple[object, ...]], fields: tuple[str, ...]
    ) -> None:
        truth = {
            key: tuple(str(getattr(row, name)) for name in fields)
            for key, row in pms.books[stream].rows.items()
        }
        shown = {key: tuple(map(str, row)) for key, row in mirror.items()}
        for key in sorted(truth.keys() | shown.keys()):
            if truth.get(key) != shown.get(key):
                verdict.wrong.append(
                    f"{what} {key}: the PMS has {truth.get(key)}, the mirror {shown.get(key)}"
                )

    for what, stream, model, fields in (
        ("patient", Stream.PATIENTS, MirrorPatient, ("last_name", "status", "mobile_phone")),
        (
            "appointment",
            Stream.APPOINTMENTS,
            MirrorAppointment,
            ("patient_key", "starts_local", "status_key", "state"),
        ),
        ("document", Stream.DOCUMENTS, MirrorDocument, ("patient_key", "name")),
    ):
        rows = model.objects.filter(connection_id=connection_id, gone_at=None)  # type: ignore[attr-defined]
        differs(what, stream, {row[0]: row[1:] for row in rows.values_list("key", *fields)}, fields)
