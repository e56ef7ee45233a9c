"""What a check costs: with nothing new, and after ten changes. One hub process, the checks back to back.

`python -m bench.idle '<JSON>'` measures on the hub whose data folder CHARTBRIDGE_DATA names, and prints JSON. The
clock is stepped through the timetable of all streams, so that whatever is done only now and then (the day's
fingerprint, asking who is there) is done as often as in real life and its cost is in the mean.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pymysql

from bench import peers, practice
from bench.figures import Part
from bench.hub import Hub
from bench.measure import cpu_seconds, median
from bench.server import MariaDb
from bench.sizes import Sizes

INTERVALS = {"appointment_status": 15.0, "appointments": 60.0, "patients": 30.0}
NAMES = {"appointment_status": "status", "appointments": "appointments", "patients": "patients"}
PROMISED = ("appointment_status", "appointments")
AS_DLT = ("appointments", "patients")  # the tables that dlt is told to keep up
COLD_RUNS = 3
BETWEEN_SCANS_S = 2500  # more than any stream lets pass: the scan is over before the quiet while begins


def run(part: Part, maria: MariaDb, engine: str, sizes: Sizes) -> None:
    """Both sizes of practice on this engine, in turn, and dlt on the big one."""
    hubs = [_copy(practice.synced_hub(maria, engine, size)) for size in (sizes.small, sizes.big)]
    # In turn, so that what else the machine does meets both sizes alike.
    turns = [[_measure(hub, maria, runs=1) for hub in hubs] for _ in range(sizes.idle_runs)]
    small, big = (_joined([turn[of] for turn in turns]) for of in range(len(hubs)))
    for stream, name in NAMES.items():
        part.add(f"idle.{name}_hub", big[stream]["hub_ms"], engine)
        part.add(f"idle.{name}_server", big[stream]["server_ms"], engine)
    part.add("idle.scan_pieces", big["appointments"]["scan_pieces"], engine)
    part.add("idle.scan_server", big["appointments"]["scan_server_ms"], engine)
    for side in ("hub", "server"):
        of_small, of_big = (
            [sum(each[stream][f"{side}_ms"][turn] for stream in PROMISED) for turn in range(sizes.idle_runs)]
            for each in (small, big)
        )
        note = f"{median(of_big):.3f} ms against {median(of_small):.3f} ms, statuses and appointments"
        ratios = [ours / theirs for ours, theirs in zip(of_big, of_small, strict=True)]
        part.add(f"idle.growth_{side}", ratios, engine, note=note)
    _against_dlt(part, maria, engine, sizes, sum(median(big[stream]["hub_ms"]) for stream in AS_DLT))
    ten = _measure(hubs[1], maria, tens=sizes.tens)["ten"]
    part.add("idle.ten_rows", ten["rows_read"], engine, note=f"hub {median(ten['hub_ms']):.1f} ms")


def _joined(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """The runs of several turns, one after the other."""
    return {
        stream: {kind: [value for turn in turns for value in turn[stream][kind]] for kind in turns[0][stream]}
        for stream in INTERVALS
    }


def _against_dlt(part: Part, maria: MariaDb, engine: str, sizes: Sizes, ours_ms: float) -> None:
    name = practice.database_name(engine, sizes.big)
    if not peers.has_loaded(name):
        peers.dlt("initial", maria, name)
    warm = [step["cpu"] * 1000 for step in peers.dlt("warm", maria, name)]
    cold = [peers.dlt("cold", maria, name)[0]["cpu"] * 1000 for _ in range(COLD_RUNS)]
    for how, runs in (("warm", warm), ("cold", cold)):
        part.add(f"idle.dlt_{how}_cpu", runs, engine)
        part.add(f"idle.dlt_{how}", median(runs) / ours_ms, engine, note=f"against {ours_ms:.2f} ms")


def _copy(hub: Hub) -> Hub:
    """A hub of its own, at the usual interval: times of a clock that was pushed on are stored in it."""
    copied = Hub(practice.FOLDER / "idle" / hub.data.name)
    shutil.copytree(hub.data, copied.data, dirs_exist_ok=True)
    copied.set_interval("appointment_status", round(INTERVALS["appointment_status"]))
    return copied


def _measure(hub: Hub, maria: MariaDb, *, runs: int = 0, tens: int = 0) -> dict[str, Any]:
    database = hub.data.name.removeprefix("hub-")
    wanted = {"server": maria.pid, "port": maria.port, "database": database, "runs": runs, "tens": tens}
    out = subprocess.run(
        [sys.executable, "-m", "bench.idle", json.dumps(wanted)],
        env=hub.env(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(out.stdout.strip().splitlines()[-1])
    return found


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


class Round:
    """The checker of one connection with its clock, as this process has it."""

    def __init__(self) -> None:
        from chartbridge import bootstrap

        self.clock = SteppedClock()
        bootstrap.prepare(clock=self.clock)
        from chartbridge.store.live_connectors import live
        from chartbridge.store.models import Connection
        from chartbridge.sync.checks import Checker

        self.connection_id = Connection.objects.get().pk
        self.checker = Checker(live(), self.clock)

    def check(self, stream: str) -> Any:
        """One check of a stream."""
        from chartbridge.pms.reading import Stream

        outcome = self.checker.check(self.connection_id, Stream(stream))
        assert not outcome.error_code, outcome
        return outcome

    def settle(self, stream: str) -> int:
        """Check until a scan that is due, in its pieces, is over; returns how many checks that took."""
        for turn in range(1, 5000):
            outcome = self.check(stream)
            if not outcome.again and outcome.next_in > 2:
                return turn
            self.clock.ahead += outcome.next_in
        raise SystemExit("a scan does not end")


def _idle(round_: Round, server: int, runs: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of the hub and of the server per check, all streams at their intervals; and of each full scan."""
    kinds = ("hub_ms", "server_ms", "scan_pieces", "scan_server_ms")
    found: dict[str, dict[str, list[float]]] = {stream: {kind: [] for kind in kinds} for stream in INTERVALS}
    for run in range(runs + 1):
        round_.clock.ahead += BETWEEN_SCANS_S
        for stream in INTERVALS:
            theirs = cpu_seconds(server)
            pieces = round_.settle(stream)
            if run:  # the first one only brings this process up to date
                found[stream]["scan_pieces"].append(pieces)
                found[stream]["scan_server_ms"].append((cpu_seconds(server) - theirs) * 1000)
        if run:
            for stream, (hub_ms, server_ms) in _quiet_while(round_, server).items():
                found[stream]["hub_ms"].append(hub_ms)
                found[stream]["server_ms"].append(server_ms)
    return found


def _quiet_while(round_: Round, server: int) -> dict[str, tuple[float, float]]:
    """800 seconds of the timetable with nothing new: the mean cost of a check of each stream, in milliseconds."""
    spent = dict.fromkeys(INTERVALS, (0, 0.0, 0.0))
    for seconds in range(15, 800, 15):
        round_.clock.ahead += 15
        for stream in (each for each, interval in INTERVALS.items() if seconds % interval == 0):
            theirs, cpu = cpu_seconds(server), time.process_time()
            assert round_.check(stream).changes == 0
            round_.checker.flush()
            cpu, theirs = time.process_time() - cpu, cpu_seconds(server) - theirs
            checks, hub_s, server_s = spent[stream]
            spent[stream] = (checks + 1, hub_s + cpu, server_s + theirs)
    return {stream: (hub_s / n * 1000, server_s / n * 1000) for stream, (n, hub_s, server_s) in spent.items()}


def _ten_changes(round_: Round, port: int, database: str, tens: int) -> dict[str, list[float]]:
    """Ten statuses set as the program sets them; how many rows the server's handlers gave for one check each."""
    db = pymysql.connect(host="127.0.0.1", port=port, user="root", database=database, autocommit=True)
    found: dict[str, list[float]] = {"rows_read": [], "hub_ms": []}
    for turn in range(tens):
        time.sleep(31)  # so that the overlap holds nothing of the turn before
        for stream in PROMISED:
            round_.settle(stream)
        change_today(db, 10, offset=turn * 10)
        before = _handler_reads(db)
        cpu = time.process_time()
        changes = 0
        for stream in PROMISED:
            round_.clock.ahead += INTERVALS[stream]
            changes += round_.check(stream).changes
        assert changes >= 10, changes
        found["hub_ms"].append((time.process_time() - cpu) * 1000)
        found["rows_read"].append(_rows_read(db, before))
    return found


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


def _rows_read(db: pymysql.connections.Connection, before: int) -> int:
    """Rows read since `before`, without those that counting itself reads."""
    after = _handler_reads(db)
    return after - before - (_handler_reads(db) - after)


def main(*, server: int, port: int, database: str, runs: int, tens: int) -> None:
    """Measure and print."""
    round_ = Round()
    out: dict[str, Any] = dict(_idle(round_, server, runs)) if runs else {}
    if tens:
        out["ten"] = _ten_changes(round_, port, database, tens)
    print(json.dumps(out))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
