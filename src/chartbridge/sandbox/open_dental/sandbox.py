"""The sandbox as one object: a practice's database and its API service in a thread of this process.

Must not be in it: what is in the practice, what the service answers.
"""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from pathlib import Path

import uvicorn

from chartbridge.sandbox.open_dental.chart import documents_root
from chartbridge.sandbox.open_dental.clock import PracticeClock
from chartbridge.sandbox.open_dental.control import Control
from chartbridge.sandbox.open_dental.database import Database, open_database
from chartbridge.sandbox.open_dental.knobs import Knobs
from chartbridge.sandbox.open_dental.practice import set_up
from chartbridge.sandbox.open_dental.schema import schema_of
from chartbridge.sandbox.open_dental.seed import seed as fill
from chartbridge.sandbox.open_dental.service import PREFIX, Service

DEVELOPER_KEY = "SandboxDeveloperKey"
DEVELOPER_NAME = "Chartbridge"
AWAY_S = 5.0
"""How long the service is away if it's sent away over its own control address."""


class Sandbox:
    """A practice on Open Dental. `start()` makes and fills what is not there and listens; `stop()` ends it.

    `database` is a `mysql://` address or an SQLite path (empty: a new temporary one). `mode` is remote (100 rows a
    page, throttled) or local. `patients` 0 leaves the practice set up but empty of people.
    """

    def __init__(
        self,
        *,
        database: str = "",
        documents: str = "",
        patients: int = 500,
        seed: int = 7,
        version: str = "24.3.10",
        mode: str = "local",
        host: str = "127.0.0.1",
        port: int = 0,
        zone: str = "",
        engine: str = "MyISAM",
        throttle_s: float = 1.0,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="sandbox-open-dental-") if not database else None
        folder = self._temporary.name if self._temporary else ""
        self.db_url = database or f"{folder}/practice.sqlite3"
        self._documents = documents or _documents_folder(self.db_url, folder)
        self._patients, self._seed, self.version = patients, seed, version
        self._host, self._port = host, port
        numbers = tuple(int(part) for part in version.split("."))
        self.developer_key = DEVELOPER_KEY
        self.customer_key = f"SandboxCustomerKey{seed}"
        self.db: Database = open_database(self.db_url, schema_of(numbers), PracticeClock(zone), engine=engine)
        self.service = Service(
            db=self.db,
            developer_key=self.developer_key,
            customer_key=self.customer_key,
            developer_name=DEVELOPER_NAME,
            version=numbers,
            remote=mode == "remote",
            throttle_s=throttle_s,
        )
        self.knobs = Knobs(self.db, self.service, self._set_offline)
        self.service.control = Control(self.knobs, self.about)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """The address under which the API's methods lie, without a slash at the end."""
        return f"http://{self._host}:{self._port}{PREFIX[:-1]}"

    @property
    def authorization(self) -> str:
        """The Authorization header of this practice."""
        return f"ODFHIR {self.developer_key}/{self.customer_key}"

    @property
    def documents(self) -> Path:
        """The A-to-Z folder."""
        return documents_root(self.db)

    def prepare(self) -> None:
        """Make the tables and fill an empty practice."""
        self.db.create_tables()
        if self.db.value("SELECT PrefNum FROM preference LIMIT 1") is None:
            Path(self._documents).mkdir(parents=True, exist_ok=True)
            set_up(self.db, self._documents, self.version, self.customer_key, DEVELOPER_NAME)
            if self._patients:
                fill(self.db, count=self._patients, number=self._seed)
        key = self.db.value("SELECT CustApiKey FROM apikey WHERE DevName=?", DEVELOPER_NAME)
        self.customer_key = self.service.customer_key = str(key)

    def start(self) -> Sandbox:
        """Prepare and listen; returns itself."""
        self.prepare()
        self._listen()
        return self

    def stop(self) -> None:
        """Stop listening, close the database, remove what was temporary."""
        self._unlisten()
        self.db.close()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def about(self) -> dict[str, object]:
        """Tell what is in the practice, in numbers."""
        tables = ("patient", "appointment", "commlog", "document", "patplan")
        today = self.db.now()[:10]
        return {
            "version": self.version,
            "now": self.db.now(),
            "requests": self.service.requests,
            "rows": {t: self.knobs.count(t) for t in tables},
            "today": self.db.value(
                "SELECT COUNT(*) AS n FROM appointment WHERE AptDateTime BETWEEN ? AND ?",
                f"{today} 00:00:00",
                f"{today} 23:59:59",
            ),
        }

    def _listen(self) -> None:
        # With the protocol named, asyncio sets TCP_NODELAY on what it accepts; without, answers wait 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._host, self._port))
        self._port = listener.getsockname()[1]
        listener.listen(128)
        config = uvicorn.Config(
            self.service,
            log_level="critical",
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="sandbox-open-dental", daemon=True
        )
        self._thread.start()

    def _unlisten(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(10)
            self._server = self._thread = None

    def _set_offline(self, offline: bool, seconds: float) -> None:
        """Stop or begin listening. The service's own thread can't end itself: there another one does it."""
        if threading.current_thread() is self._thread:
            threading.Thread(target=self._away, args=(seconds or AWAY_S,), daemon=True).start()
        elif offline and seconds:
            self._away(seconds)
        elif offline:
            self._unlisten()
        elif self._thread is None:
            self._listen()

    def _away(self, seconds: float) -> None:
        time.sleep(0.05)
        self._unlisten()
        time.sleep(seconds)
        self._listen()


def _documents_folder(database: str, folder: str) -> str:
    if folder:
        return f"{folder}/OpenDentImages"
    if database.startswith(("mysql://", "mariadb://")):
        name = database.rpartition("/")[2]
        return str(Path(tempfile.gettempdir()) / f"sandbox-open-dental-{name}" / "OpenDentImages")
    return str(Path(database.removeprefix("sqlite:///")).absolute().parent / "OpenDentImages")
