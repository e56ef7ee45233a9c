"""On what was measured, in general words: no name of the machine, no path of it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from bench import peers


def machine() -> dict[str, str]:
    """What the page says of the machine and of the programs."""
    return {
        "processors": f"{len(os.sched_getaffinity(0))} cores ({platform.machine()})",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "system": f"{_system()}, Linux {'.'.join(platform.release().split('.')[:2])}",
        "Python": platform.python_version(),
        "MariaDB": _version("mariadbd", "--version"),
        "Chromium": _version("chromium", "--version"),
        "dlt": _locked("dlt"),
        "DuckDB": _locked("duckdb"),
        "pyarrow": _locked("pyarrow"),
    }


def _system() -> str:
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release").read_text(), re.MULTILINE)
    return found[1] if found else platform.system()


def _version(*command: str) -> str:
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    except FileNotFoundError:
        return "none"
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "unknown"


def _locked(name: str) -> str:
    found = re.search(rf"^{name}==(\S+)", peers.LOCK.read_text(), re.MULTILINE)
    return found[1] if found else "unknown"
