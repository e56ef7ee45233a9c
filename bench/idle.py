"""What a check costs: with nothing new, and after ten changes. One hub process, the checks back to back.

`python -m bench.idle --data FOLDER --server PID --port N --database D` prints JSON. The clock is stepped by
one interval per round, so that whatever is done only now and then (the day's fingerprint, scans) is done as often
as in real life and its cost is in the mean.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import UTC, datetime, timedelta

import pymysql

from bench.measure import cpu_seconds, median


class SteppedClock:
    """The machine's clock, pushed ahead by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic() + self.ahead


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--server", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    os.environ["CHARTBRIDGE_DATA"] = args.data
    from chartbridge import bootstrap

    clock = SteppedClock()
    bootstrap.prepare(clock=clock)
    from chartbridge.pms.reading import Stream
    from chartbridge.store.live_connectors import live
    from chartbridge.store.models import Connection
    from chartbridge.sync.checks import Checker

    connection = Connection.objects.get()
    Connection.objects.update(values={**connection.values, "db_port": str(args.port)}, settings_version=99)
    connection.refresh_from_db()
    checker = Checker(live(), clock)
    out: dict[str, object] = {}
    for stream, interval in ((Stream.APPOINTMENT_STATUS, 15.0), (Stream.APPOINTMENTS, 60.0)):
        _settle(checker, connection.pk, stream)
        hub, server, scans = [], [], []
        for _ in range(args.repeats):
            clock.ahead += 900
            theirs = cpu_seconds(args.server)
            pieces = _settle(checker, connection.pk, stream)
            scans.append((pieces, (cpu_seconds(args.server) - theirs) * 1000))
            rounds = int(800 / interval)
            cpu, theirs, changes = time.process_time(), cpu_seconds(args.server), 0
            for _ in range(rounds):
                clock.ahead += interval
                outcome = checker.check(connection.pk, stream)
                changes += outcome.changes
                assert not outcome.error_code, outcome
                checker.flush()
            hub.append((time.process_time() - cpu) / rounds * 1000)
            server.append((cpu_seconds(args.server) - theirs) / rounds * 1000)
            assert changes == 0, changes
        out[stream.value] = {
            "hub_ms": median(hub),
            "server_ms": median(server),
            "scan_pieces": median([n for n, _ in scans]),
            "scan_server_ms": median([ms for _, ms in scans]),
        }
    out["ten"] = _ten_changes(args, checker, connection.pk, clock, Stream)
    print(json.dumps(out))


def _settle(checker, connection_id: int, stream) -> int:  # type: ignore[no-untyped-def]
    """Check until a scan that is due, in its pieces, is over; returns how many checks that took."""
    for turn in range(1, 5000):
        outcome = checker.check(connection_id, stream)
        assert not outcome.error_code, outcome
        if not outcome.again and outcome.next_in > 2:
            return turn
        if outcome.next_in > 0:
            time.sleep(min(outcome.next_in, 0.02))
            checker_clock(checker).ahead += outcome.next_in
    raise SystemExit("a scan does not end")


def checker_clock(checker) -> SteppedClock:  # type: ignore[no-untyped-def]
    """The clock that the checker was given."""
    clock: SteppedClock = checker._clock
    return clock


def _ten_changes(args: argparse.Namespace, checker, connection_id: int, clock: SteppedClock, streams) -> dict:  # type: ignore[no-untyped-def,type-arg]
    """Ten statuses set as the program sets them; how many rows the server's handlers gave for one check each."""
    db = pymysql.connect(
        host="127.0.0.1", port=args.port, user="root", database=args.database, autocommit=True
    )
    read = []
    for turn in range(3):
        time.sleep(31)  # so that the overlap holds nothing of the turn before
        for stream in (streams.APPOINTMENT_STATUS, streams.APPOINTMENTS):
            clock.ahead += 60
            checker.check(connection_id, stream)
        change_today(db, 10, offset=turn * 10)
        before = _handler_reads(db)
        cpu = time.process_time()
        changes = 0
        for stream in (streams.APPOINTMENT_STATUS, streams.APPOINTMENTS):
            clock.ahead += 60
            changes += checker.check(connection_id, stream).changes
        assert changes >= 10, changes
        read.append((_handler_reads(db) - before, (time.process_time() - cpu) * 1000))
    return {"rows_read": median([r for r, _ in read]), "hub_ms": median([ms for _, ms in read])}


def change_today(db: pymysql.connections.Connection, count: int, *, offset: int = 0) -> list[tuple[int, int]]:
    """Set the status of `count` visits of today as Open Dental does. Returns (AptNum, DefNum) of each."""
    made = []
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT AptNum, Confirmed FROM appointment WHERE AptDateTime >= CURDATE()"
            " AND AptDateTime < CURDATE() + INTERVAL 1 DAY AND AptStatus=1 ORDER BY AptNum LIMIT %s OFFSET %s",
            (count, offset),
        )
        for number, confirmed in cursor.fetchall():
            status = 20 if confirmed != 20 else 21
            change_one(cursor, number, status)
            made.append((number, status))
    return made


def change_one(cursor: pymysql.cursors.Cursor, number: int, status: int) -> None:
    """One status set, with its history row and signal."""
    cursor.execute("UPDATE appointment SET Confirmed=%s WHERE AptNum=%s", (status, number))
    cursor.execute(
        "INSERT INTO histappointment (HistUserNum,HistDateTStamp,HistApptAction,ApptSource,AptNum,PatNum,AptStatus,"
        "Pattern,Confirmed,Op,Note,ProvNum,ProvHyg,AptDateTime,DateTimeArrived,DateTimeSeated,DateTimeDismissed,"
        "ProcsColored,ProcDescript)"
        " SELECT 1,NOW(),1,0,AptNum,PatNum,AptStatus,Pattern,Confirmed,Op,Note,ProvNum,ProvHyg,AptDateTime,"
        "DateTimeArrived,DateTimeSeated,DateTimeDismissed,'','' FROM appointment WHERE AptNum=%s",
        (number,),
    )
    cursor.execute(
        "INSERT INTO signalod (DateViewing,SigDateTime,FKey,FKeyType,IType,RemoteRole,MsgValue)"
        " VALUES (CURDATE(),NOW(),1,'Provider',68,0,'')"
    )


def _handler_reads(db: pymysql.connections.Connection) -> int:
    with db.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Handler_read%'")
        return sum(int(value) for _name, value in cursor.fetchall())


if __name__ == "__main__":
    main()
