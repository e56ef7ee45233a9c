"""A real MariaDB of our own for the measurements: loopback, a free port, its own data folder."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pymysql


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MariaDb:
    """Starts on `start`, is stopped by its process id. `root` has no password: it listens on loopback only."""

    def __init__(self, folder: Path, *, buffer_mb: int = 1024) -> None:
        self.folder = folder.absolute()
        self.buffer_mb = buffer_mb
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> MariaDb:
        """Make the data folder where there is none, start, wait until it answers."""
        data = self.folder / "data"
        if not data.exists():
            data.mkdir(parents=True)
            subprocess.run(
                [
                    "mariadb-install-db",
                    f"--datadir={data}",
                    f"--user={'root' if os.geteuid() == 0 else os.environ.get('USER', '')}",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                ],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.port = free_port()
        self._process = subprocess.Popen(
            [
                shutil.which("mariadbd") or "/usr/sbin/mariadbd",
                "--no-defaults",
                f"--datadir={data}",
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                f"--socket={self.folder}/s.sock",
                f"--pid-file={self.folder}/s.pid",
                f"--log-error={self.folder}/error.log",
                *(["--user=root"] if os.geteuid() == 0 else []),
                "--sql-mode=",
                "--character-set-server=utf8mb3",
                "--max-connections=2200",
                f"--innodb-buffer-pool-size={self.buffer_mb}M",
                f"--key-buffer-size={self.buffer_mb // 2}M",
                "--innodb-flush-log-at-trx-commit=1",
                "--skip-log-bin",
            ]
        )
        atexit.register(self.stop)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connect().close()
                return self
            except pymysql.err.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.2)

    def connect(self, database: str | None = None, **extra: Any) -> pymysql.connections.Connection[Any]:
        """A connection as root, autocommit."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True, **extra
        )

    def stop(self) -> None:
        """Shut it down and wait."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None
