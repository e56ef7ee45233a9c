"""The product as it is shipped: `chartbridge serve` on a data folder of its own, with one practice in it.

`python -m bench.hub '<JSON>'` makes that practice (in its own process, since the data folder is fixed at start).
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import peak_rss_mb, rss_mb
from bench.server import free_port

PEOPLE = {"email": "bench@practice.example", "password": "Bench-only 8741 words"}


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was set up."""

    connection_id: int
    token: str


class Hub:
    """A served hub. `data` is made empty unless `keep`."""

    def __init__(self, data: Path, *, keep: bool = False) -> None:
        self.data = data.absolute()
        if not keep:
            shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.token = ""

    @property
    def pid(self) -> int:
        """The process id of the served hub."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def set_up(self, **wanted: Any) -> Made:
        """Make practice, owner, token, connection and settings; see `_set_up` for the words."""
        return self._ask(wanted)

    def _ask(self, wanted: dict[str, Any]) -> Made:
        out = subprocess.run(
            [sys.executable, "-m", "bench.hub", json.dumps(wanted)],
            env=self.env(),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        made = Made(**json.loads(out.stdout.strip().splitlines()[-1]))
        self.token = made.token
        return made

    def point_at(self, port: int) -> None:
        """Tell its connection that the PMS's database is now on another port; take up the token made before."""
        self._ask({"port": port})

    def set_interval(self, stream: str, seconds: int) -> None:
        """Set a stream's check interval, while it is not running."""
        self._ask({"stream": stream, "seconds": seconds})

    def start(self) -> float:
        """Serve, wait until it answers; returns the wall-clock moment of the start."""
        begun = time.time()
        log = (self.data / "serve.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chartbridge.cli", "serve", "--port", str(self.port)],
            env=self.env(),
            stdout=log,
            stderr=log,
        )
        atexit.register(self._process.kill)  # whatever goes wrong here, nothing is left running
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(self.url + "/accounts/login/", timeout=20).close()
                return begun
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if self._process.poll() is not None:
                    raise SystemExit(f"serve ended: see {self.data}/serve.log") from None
                time.sleep(0.05)
        raise SystemExit("serve did not answer within a minute")

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ask it to stop, and wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)

    def memory(self) -> tuple[float, float]:
        """Resident and highest resident memory in MB."""
        return rss_mb(self.pid), peak_rss_mb(self.pid)

    def get(self, path: str) -> Any:
        """GET of the REST API."""
        return self.call("GET", path)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One call of the REST API; returns the parsed answer."""
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Look into the hub's own database, read-only."""
        db = sqlite3.connect(f"file:{self.data}/chartbridge.sqlite3?mode=ro", uri=True, timeout=20)
        try:
            return db.execute(sql, params).fetchall()
        finally:
            db.close()

    def env(self) -> dict[str, str]:
        """The environment of a process that works on this data folder."""
        path = os.pathsep.join(
            [os.getcwd(), str(Path(os.getcwd(), "src"))]
        )  # this tree, wherever it is installed
        return {**os.environ, "CHARTBRIDGE_DATA": str(self.data), "PYTHONPATH": path}


def _set_up(
    *,
    values: dict[str, str],
    secrets: dict[str, str],
    intervals: dict[str, int] | None = None,
    start: bool = True,
    allow: bool = False,
) -> Made:
    from chartbridge import bootstrap

    bootstrap.prepare()
    bootstrap.make_data_folder()
    bootstrap.migrate()
    from chartbridge.pms.connector import Settings
    from chartbridge.pms.reading import Stream
    from chartbridge.store.accounts import create_practice
    from chartbridge.store.connections import save_connection
    from chartbridge.store.models import Membership
    from chartbridge.store.streams import save_stream_setting
    from chartbridge.store.tokens import create_token

    owner = create_practice(name="Bench", time_zone="UTC", owner_name="Bench Owner", **PEOPLE)
    practice = Membership.objects.get(user=owner).practice
    connection = save_connection(practice.pk, "open_dental", Settings(values=values, secrets=secrets))
    if start:
        bootstrap.begin_connection(connection.pk)
    for stream, seconds in (intervals or {}).items():
        save_stream_setting(connection.pk, Stream(stream), True, seconds)
    if allow:
        _allow_all(connection.pk)
    token = create_token(practice.pk, "bench", created_by=owner)
    return Made(connection_id=connection.pk, token=token.plain)


def _change(*, port: int = 0, stream: str = "", seconds: int = 0) -> Made:
    from chartbridge import bootstrap

    bootstrap.prepare()
    bootstrap.migrate()
    from chartbridge.pms.reading import Stream
    from chartbridge.store.models import Connection, Membership
    from chartbridge.store.streams import save_stream_setting
    from chartbridge.store.tokens import create_token

    connection = Connection.objects.get()
    if port:
        connection.values = {**connection.values, "db_port": str(port)}
        connection.settings_version += 1
        connection.save()
    if stream:
        save_stream_setting(connection.pk, Stream(stream), True, seconds)
    owner = Membership.objects.get().user
    return Made(
        connection_id=connection.pk,
        token=create_token(connection.practice_id, "bench", created_by=owner).plain,
    )


def _allow_all(connection_id: int) -> None:
    from chartbridge.domain.activities import DOCUMENT_KINDS, NOTE_KINDS
    from chartbridge.domain.charts import LookupKind
    from chartbridge.store.lookups import entries
    from chartbridge.store.models import Connection, DocumentSetting, NoteSetting

    provider = entries(connection_id, LookupKind.PROVIDERS, active_only=True)[0].key
    Connection.objects.filter(pk=connection_id).update(provider_key=provider)
    note = entries(connection_id, LookupKind.NOTE_TYPES, active_only=True)[0].key
    paper = entries(connection_id, LookupKind.DOCUMENT_TYPES, active_only=True)[0].key
    for kind in NOTE_KINDS:
        NoteSetting.objects.update_or_create(
            connection_id=connection_id, kind=kind, defaults={"allow": True, "note_type_key": note}
        )
    for kind in DOCUMENT_KINDS:
        DocumentSetting.objects.update_or_create(
            connection_id=connection_id,
            kind=kind,
            defaults={"write": True, "read": True, "document_type_key": paper},
        )


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    made = _set_up(**wanted) if "values" in wanted else _change(**wanted)
    print(json.dumps({"connection_id": made.connection_id, "token": made.token}))
