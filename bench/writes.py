"""Writing: how soon an accepted activity stands in the chart with its receipt, and how fast a queue drains.

Against the sandbox's API service on loopback, in a process of its own. The draining rate is compared with bare POSTs of
the same notes to the same sandbox in the same run: one after the other on one connection kept open, and over as many
connections at once as the connector's manifest allows; the faster one counts.
"""

from __future__ import annotations

import atexit
import http.client
import json
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.figures import Part
from bench.hub import Hub
from bench.measure import percentile
from bench.practice import FOLDER
from bench.server import free_port
from bench.sizes import Sizes

PARALLEL = 4
NEW, OLD = "25.2.10", "24.3.10"
"""From 25.1.13 the API lists the newest notes of everybody; before, each patient's are asked for alone."""


@dataclass
class SandboxProcess:
    """`chartbridge sandbox open-dental` on SQLite."""

    folder: Path
    version: str = NEW

    def start(self) -> SandboxProcess:
        """Start with 500 patients and wait until it answers."""
        self.port = free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob("practice.sqlite3*"):
            old.unlink()
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "chartbridge.cli", "sandbox", "open-dental",
                "--port", str(self.port), "--version", self.version,
                "--database", str(self.folder / "practice.sqlite3"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        atexit.register(self.process.kill)
        said = {}
        assert self.process.stdout is not None
        for line in self.process.stdout:
            words = line.split(None, 2)
            if len(words) == 3:
                said[" ".join(words[:2])] = words[2].strip()
            if "Ctrl-C" in line:
                break
        self.developer_key, self.customer_key = said["developer key"], said["customer key"]
        return self

    @property
    def headers(self) -> dict[str, str]:
        """What every call needs."""
        return {
            "Authorization": f"ODFHIR {self.developer_key}/{self.customer_key}",
            "Content-Type": "application/json",
        }

    def values(self) -> dict[str, str]:
        """Settings of a connection in API mode."""
        return {
            "read_mode": "api",
            "api_mode": "local",
            "api_address": f"http://127.0.0.1:{self.port}/api/v1/",
        }

    def secrets(self) -> dict[str, str]:
        """Its keys."""
        return {"developer_key": self.developer_key, "customer_key": self.customer_key}

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)


def activities(part: Part, sizes: Sizes) -> None:
    """How soon an accepted activity stands in the chart with its receipt."""
    waits, sent = _latency(sizes.activities_s)
    whole, note = len(waits) == sent, f"{len(waits)} of {sent} activities"
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        part.add(f"activities.{name}", percentile(waits, share), note=note, whole=whole)


def drain(part: Part, sizes: Sizes) -> None:
    """How fast a queue drains, against bare POSTs."""
    pairs = [_drain_once(sizes.notes, NEW) for _ in range(sizes.drains)]
    part.add("drain.rate", [drained for drained, _ in pairs])
    part.add("drain.bare", [bare for _, bare in pairs])
    part.add("drain.share", [100 * drained / bare for drained, bare in pairs])
    drained, bare = _drain_once(sizes.notes, OLD)
    part.add("drain.share_old", 100 * drained / bare, note=f"{drained:.0f} against {bare:.0f} a second")


def _served(sandbox: SandboxProcess, folder: str) -> tuple[Hub, list[str]]:
    hub = Hub(FOLDER / folder)
    hub.set_up(values=sandbox.values(), secrets=sandbox.secrets(), allow=True)
    hub.start()
    while not hub.rows(
        "SELECT COUNT(*) FROM store_streamstate WHERE stream='patients' AND first_read_done_at IS NOT NULL"
    )[0][0]:
        time.sleep(0.2)
    patients = [
        row[0]
        for row in hub.rows("SELECT key FROM store_mirrorpatient WHERE status='active' AND gone_at IS NULL")
    ]
    return hub, patients


def _latency(seconds: int) -> tuple[list[float], int]:
    sandbox = SandboxProcess(FOLDER / "sandbox-writes").start()
    hub, patients = _served(sandbox, "hub-writes")
    sent: dict[int, float] = {}
    begun = time.monotonic()
    for turn in range(10 * seconds):
        time.sleep(max(0.0, begun + turn / 10 - time.monotonic()))
        at = time.time()
        body = {
            "kind": "outgoing_text",
            "patient_key": patients[turn % len(patients)],
            "body": f"Reminder {turn}.",
        }
        answer = hub.call("POST", "/activities", body, **{"Idempotency-Key": str(uuid.uuid4())})
        sent[answer["id"]] = at
    deadline = time.monotonic() + 60
    while _unseen(hub) and time.monotonic() < deadline:
        time.sleep(0.2)
    waits = []
    for activity, seen, record in hub.rows("SELECT activity_id, seen_at, record FROM store_writeback"):
        if seen and record and activity in sent:
            waits.append((datetime.fromisoformat(seen + "+00:00").timestamp() - sent[activity]) * 1000)
    hub.stop()
    sandbox.stop()
    return waits, len(sent)


def _unseen(hub: Hub) -> int:
    return int(hub.rows("SELECT COUNT(*) FROM store_writeback WHERE seen <> 'seen'")[0][0])


def _drain_once(notes: int, version: str) -> tuple[float, float]:
    sandbox = SandboxProcess(FOLDER / "sandbox-drain", version).start()
    hub, _patients = _served(sandbox, "hub-drain")
    hub.stop()
    subprocess.run([sys.executable, "-m", "bench.fill_queue", str(notes)], env=hub.env(), check=True)
    hub.start()
    while hub.rows("SELECT COUNT(*) FROM store_writeback WHERE seen='seen'")[0][0] < notes:
        time.sleep(0.2)
    first, last = hub.rows("SELECT MIN(sending_at), MAX(seen_at) FROM store_writeback")[0]
    hub.stop()
    texts = [
        (str(key), text)
        for key, text in hub.rows("SELECT patient_key, text FROM store_writeback ORDER BY id")
    ]
    drained = notes / (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    sandbox.stop()
    sandbox.start()
    bare = max(_bare(sandbox, texts, 1), _bare(sandbox, texts, PARALLEL))
    sandbox.stop()
    return drained, bare


def _bare(sandbox: SandboxProcess, notes: list[tuple[str, str]], connections: int) -> float:
    def post(share: list[tuple[str, str]]) -> None:
        line = http.client.HTTPConnection("127.0.0.1", sandbox.port)
        for patient, text in share:
            body = {
                "PatNum": int(patient),
                "Note": text,
                "CommType": 235,
                "Mode_": "Text",
                "SentOrReceived": "Sent",
            }
            line.request("POST", "/api/v1/commlogs", json.dumps(body), sandbox.headers)
            answer = line.getresponse()
            answer.read()
            assert answer.status == 201, answer.status
        line.close()

    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(post, [notes[i::connections] for i in range(connections)]))
    return len(notes) / (time.perf_counter() - begun)
