"""A hub, its practices and the lines between them, all of it real and each a process that can be killed.

    hub (`chartbridge serve`)  --proxy-->  Open Dental's API service (the sandbox)  ------->  MariaDB or SQLite
                               --proxy---------------------------------------------------->  MariaDB

Must not be in it: which fault is played when.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2

from chartbridge.demo.processes import Child
from chartbridge.sandbox.open_dental.database import connect, create_reader
from chartbridge.sandbox.open_dental.sandbox import DEVELOPER_KEY
from tests.faults.checker import Verdict, together
from tests.faults.program import Program
from tests.servers.mariadb import MariaDb
from tests.servers.process import free_port
from tests.servers.proxy import FaultProxy

_KEY = base64.urlsafe_b64encode(b"a key for tests: 32 bytes of it.").decode()
QUICK = 13.0
"""In the short form the waits of the protocol are divided by this: 65 s become 5 s."""
_MOVING = "delivery IN ('queued','sending','uncertain') OR (delivery='taken' AND seen='owed')"
_READ = "SELECT COUNT(*) FROM store_streamstate WHERE stream='patients' AND first_read_done_at IS NOT NULL"


_NOTHING: Mapping[str, int] = {}


class Process(Child):
    """A process that can be killed as the kernel would."""

    def launch(self) -> None:
        """Start it without waiting until it answers."""
        answers, self._answers = self._answers, lambda: None
        try:
            self.start()
        finally:
            self._answers = answers

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self.await_end(10)

    def await_end(self, seconds: float) -> int:
        """Wait until it ends; returns how."""
        until = time.monotonic() + seconds
        while (code := self.ended()) is None:
            assert time.monotonic() < until, f"the {self.name} did not end"
            time.sleep(0.01)
        return code


@dataclass(kw_only=True)
class Office:
    """One practice: its PMS, the lines to it, and its program."""

    sandbox: Process
    address: str
    database: str
    documents: Path
    api: FaultProxy
    """The line from the hub to the API service."""
    sql: FaultProxy | None = None
    """The line from the hub to the database, where it reads from there."""
    practice_id: int = 0
    connection_id: int = 0
    program: Program = field(default_factory=lambda: Program("", "", (), 0))

    def desk_edits(self, number: int) -> None:
        """Let the front desk change a patient, so that there is something to read."""
        patient = int(self.program.patients[number % len(self.program.patients)])
        self.knob("edit_patient", patient=patient, Preferred=f"P{number}")

    def knob(self, name: str, **values: object) -> Any:
        """Turn one of the sandbox's knobs."""
        url = f"{self.address}/sandbox/knobs/{name}"
        answer = httpx2.post(url, json=values, timeout=30, trust_env=False)
        return answer.raise_for_status().json()["result"]


class Lab:
    """Everything together. `close` ends what was started."""

    def __init__(
        self,
        folder: Path,
        *,
        mariadb: MariaDb | None = None,
        engines: Sequence[str] = ("InnoDB", "MyISAM"),
        offices: int = 1,
        sandboxes: int = 0,
        reads_database: bool = False,
        patients: int = 40,
        seed: int = 1,
        quick: float = QUICK,
        interval: int = 2,
        database_url: str = "",
        hub_data: Path | None = None,
        **faults: object,
    ) -> None:
        """`sandboxes` below `offices`: several practices share one PMS. `faults`: those of every hub that is made."""
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = hub_data or folder / "hub"
        self.data.mkdir(parents=True, exist_ok=True)
        self.seed, self.quick, self._interval = seed, quick, interval
        self._database_url, self._faults = database_url, faults
        self._env = {"PYTHONPATH": os.pathsep.join(sys.path)}
        self.offices: list[Office] = []
        self._close: list[Callable[[], object]] = []
        self._judged = together([])
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.hub = self.make_hub()
        try:
            shared = [
                self._office(n, mariadb, engines[n % len(engines)], patients, reads_database)
                for n in range(sandboxes or offices)
            ]
            for pms in shared:
                pms.sandbox.launch()
            for pms in shared:
                await_that(pms.sandbox.answers, 60, "the API service's start")
            self.offices = shared + [
                self._beside(shared[n % len(shared)]) for n in range(len(shared), offices)
            ]
            self._set_up()
        except BaseException:
            self.close()
            raise

    # the processes

    def make_hub(
        self, *, port: int = 0, data: Path | None = None, wrap: Sequence[str] = (), **faults: object
    ) -> Process:
        """Describe a hub: not started. `faults` are those of `hub_that_dies`, `wrap` a program to run it under."""
        port = port or self.port
        wishes = {"quick": self.quick, **self._faults, **faults}
        child = Process(
            "hub",
            [*wrap, sys.executable, "-m", "tests.faults.hub_that_dies", "serve", "--port", str(port)],
            log=self.folder / "hub.log",
            env={**self.environment(data), "FAULTS": json.dumps(wishes)},
            answers=lambda: _get(f"http://127.0.0.1:{port}/accounts/login/"),
        )
        self._close.append(child.stop)
        return child

    def environment(self, data: Path | None = None) -> dict[str, str]:
        """What every process of the product gets."""
        return {
            **self._env,
            "CHARTBRIDGE_DATA": str(data or self.data),
            "CHARTBRIDGE_DATABASE_URL": self._database_url,
            **({"CHARTBRIDGE_KEY": _KEY} if self._database_url else {}),
        }

    def start(self, **faults: object) -> None:
        """Start the hub, with faults if wished; wait until it answers and has read the patients."""
        if faults:
            self.hub = self.make_hub(**faults)
        self.hub.start()
        self.await_read()

    def restart(self) -> None:
        """Start the hub after it has ended; wait until it answers."""
        self.hub = self.make_hub()
        self.hub.start()

    def launch(self) -> None:
        """Start the hub after it has ended; don't wait."""
        self.hub = self.make_hub()
        self.hub.launch()

    def _office(
        self, number: int, mariadb: MariaDb | None, engine: str, patients: int, reads_database: bool
    ) -> Office:
        folder = self.folder / f"practice{number}"
        folder.mkdir(exist_ok=True)
        database = _new_database(mariadb) if mariadb else str(folder / "practice.sqlite3")
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        documents = folder / "OpenDentImages"
        sandbox = Process(
            "API service",
            [
                *(sys.executable, "-m", "chartbridge.sandbox.open_dental", "--port", str(port)),
                *("--database", database, "--engine", engine, "--documents", str(documents)),
                *("--patients", str(patients), "--seed", str(self.seed * 100 + number), "--mode", "local"),
            ],
            log=folder / "sandbox.log",
            env=self._env,
            answers=lambda: _get(f"{address}/sandbox"),
        )
        self._close.append(sandbox.stop)
        api = FaultProxy("127.0.0.1", port)
        self._close.append(api.close)
        sql = None
        if mariadb and reads_database:
            sql = FaultProxy(mariadb.host, mariadb.port)
            self._close.append(sql.close)
            name = database.rpartition("/")[2]
            with closing(connect(mariadb.url(name))) as link:
                create_reader(link, f"{name}_reader", "of-the-lab")
        return Office(
            sandbox=sandbox, address=address, database=database, documents=documents, api=api, sql=sql
        )

    def _beside(self, pms: Office) -> Office:
        """One more practice of the hub on the same PMS, with lines of its own to the API and to the database."""
        api = FaultProxy("127.0.0.1", int(pms.address.rpartition(":")[2]))
        self._close.append(api.close)
        sql = None
        if pms.sql:
            sql = FaultProxy(*pms.sql.to)
            self._close.append(sql.close)
        return replace(pms, api=api, sql=sql)

    def _set_up(self) -> None:
        wanted = [
            {"values": self._values(office), "secrets": self._secrets(office), "interval": self._interval}
            for office in self.offices
        ]
        made = self.run("tests.faults.offices", wanted)
        for number, (office, each) in enumerate(zip(self.offices, made, strict=True)):
            office.practice_id, office.connection_id = each["practice_id"], each["connection_id"]
            office.program = Program(self.address, each["token"], (), self.seed * 1000 + number)

    def _values(self, office: Office) -> dict[str, str]:
        values = {
            "read_mode": "database" if office.sql else "api",
            "api_mode": "service",
            "api_address": f"http://127.0.0.1:{office.api.port}/api/v1/",
            "image_folder": str(office.documents),
        }
        if office.sql:
            values |= {
                "db_host": "127.0.0.1",
                "db_port": str(office.sql.port),
                "db_name": office.database.rpartition("/")[2],
                "db_user": office.database.rpartition("/")[2] + "_reader",
            }
        return values

    def _secrets(self, office: Office) -> dict[str, str]:
        about = connect_value(office.database, "SELECT CustApiKey FROM apikey LIMIT 1")
        return {"developer_key": DEVELOPER_KEY, "customer_key": about, "db_password": "of-the-lab"}

    # the hub's own rows

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the hub's store."""
        if self._database_url:
            import psycopg

            with psycopg.connect(self._database_url) as store:
                return store.execute(sql).fetchall()
        store = sqlite3.connect(f"file:{self.data}/chartbridge.sqlite3?mode=rw", uri=True, timeout=20)
        try:
            return store.execute(sql).fetchall()
        finally:
            store.close()

    def await_read(self, seconds: float = 90.0) -> None:
        """Wait until every practice's patients have been read, and tell them to the programs."""
        await_that(lambda: self.rows(_READ)[0][0] == len(self.offices), seconds, "the first read")
        for office in self.offices:
            office.program.patients = [
                key
                for (key,) in self.rows(
                    "SELECT key FROM store_mirrorpatient WHERE status='active' AND gone_at IS NULL"
                    f" AND connection_id={office.connection_id} ORDER BY key"
                )
            ]
            assert office.program.patients

    def taken(self, office: Office | None = None) -> int:
        """How many writes the PMS has taken, of one office or of all."""
        only = f" AND practice_id={office.practice_id}" if office else ""
        return int(self.rows(f"SELECT COUNT(*) FROM store_writeback WHERE taken_at IS NOT NULL{only}")[0][0])

    def shows(self, office: Office, patient: str, preferred: str) -> bool:
        """Whether the hub has read that a patient is called so."""
        return bool(
            self.rows(
                "SELECT 1 FROM store_mirrorpatient"
                f" WHERE connection_id={office.connection_id} AND key='{patient}' AND preferred='{preferred}'"
            )
        )

    def standing(self, where: str) -> int:
        """Count writebacks."""
        return int(self.rows(f"SELECT COUNT(*) FROM store_writeback WHERE {where}")[0][0])

    def moving(self) -> int:
        """How many writebacks still move by themselves."""
        return self.standing(_MOVING)

    def await_quiet(self, seconds: float = 120.0) -> None:
        """Wait until nothing moves any more without a person; a hub that has ended is started again."""

        def quiet() -> bool:
            if self.hub.ended() is not None:
                self.launch()
            return self.moving() == 0

        await_that(quiet, seconds, "quiet", tell=self.where_they_stand)

    def where_they_stand(self) -> str:
        """Tell it for an error: states and codes only."""
        return str(
            self.rows("SELECT delivery, seen, reason_code, COUNT(*) FROM store_writeback GROUP BY 1, 2, 3")
        )

    # the judgement

    def hand_in(self, each: int, **more: Any) -> None:
        """Let every practice's program hand in so many."""
        for office in self.offices:
            office.program.hand_in(each, **more)

    def check(self) -> Verdict:
        """Let the one checker judge everything so far; the counts are of what is new since the last check."""
        assert not [each for office in self.offices for each in office.program.turned_down]
        told = [
            {
                "practice_id": office.practice_id,
                "database": office.database,
                "acknowledged": office.program.acknowledged,
            }
            for office in self.offices
        ]
        whole = together([Verdict(**each) for each in self.run("tests.faults.checker", told)])
        before, self._judged = self._judged, whole
        counts = ("ops", "writes", "in_chart", "in_desk")
        fresh = {name: getattr(whole, name) - getattr(before, name) for name in counts}
        return replace(whole, **fresh, reasons=dict(Counter(whole.reasons) - Counter(before.reasons)))

    def settle(self, seconds: float = 120.0, *, at_desk: Mapping[str, int] = _NOTHING) -> Verdict:
        """Wait until it is quiet and let the checker judge; fails unless nothing was lost, twice or silent.

        `at_desk`: how many of what came since the last check may wait for a person, by reason.
        """
        self.await_quiet(seconds)
        verdict = self.check()
        assert verdict.clean(at_desk), verdict
        return verdict

    def run(self, module: str, told: object) -> Any:
        """Run one of our own modules on the hub's data folder."""
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=json.dumps(told),
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    def close(self) -> None:
        """End everything that was started, the last first."""
        while self._close:
            self._close.pop()()


def _new_database(mariadb: MariaDb) -> str:
    """Make a database with a user of its own: an administrator would write even where `read_only` is set."""
    name = mariadb.create_database(f"lab_{uuid.uuid4().hex[:12]}")
    mariadb.create_user(name, "of-the-lab", f"ALL ON `{name}`.*")
    return f"mysql://{name}:of-the-lab@{mariadb.host}:{mariadb.port}/{name}"


def await_that(
    true: Callable[[], bool],
    seconds: float,
    what: str,
    *,
    tell: Callable[[], str] = lambda: "",
    pause: float = 0.05,
) -> None:
    """Wait until it is true, generously: a machine may be slow."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"{what} did not come within {seconds:.0f} s. {tell()}"
        time.sleep(pause)


def connect_value(database: str, sql: str) -> str:
    """One value of a practice's own tables."""
    if database.startswith("mysql://"):
        link = connect(database)
        with link.cursor() as cursor:
            cursor.execute(sql)
            found = cursor.fetchone()
        link.close()
    else:
        file = sqlite3.connect(database)
        found = file.execute(sql).fetchone()
        file.close()
    assert found
    return str(found[0])


def _get(url: str) -> None:
    httpx2.get(url, timeout=5, trust_env=False, headers=_PLAIN).raise_for_status()


_PLAIN: Mapping[str, str] = {"Accept": "text/html"}
