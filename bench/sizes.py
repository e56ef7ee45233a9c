"""How much is measured: the whole, or a trial of a minute or two that shows that everything works."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.practice import BIG, ODBC, SMALL, Size


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Numbers of runs, seconds and sizes. The promises are about `FULL`."""

    big: Size = BIG
    small: Size = SMALL
    syncs: int = 3
    desk_alone_s: float = 15
    checking_s: float = 20
    idle_runs: int = 5
    tens: int = 3
    changes: int = 300
    latency_s: dict[int, int]
    activities_s: int = 60
    drains: int = 3
    notes: int = 5_000
    practices: int = 1_000
    fleet_runs: int = 3
    fleet_s: int = 30
    entries: int = 1_000_000
    odbc: Size = ODBC
    odbc_runs: int = 5
    odbc_checks: int = 50
    odbc_notes: int = 300


FULL = Sizes(latency_s={15: 150, 1: 60})
ONCE = replace(FULL, syncs=1, tens=1, drains=1, fleet_runs=1, latency_s={15: 90, 1: 60})
"""The full sizes, what takes long measured once: for a machine that is too busy for more."""
QUICK = Sizes(
    big=Size(patients=4_000, appointments=40_000),
    syncs=1,
    desk_alone_s=3,
    checking_s=3,
    idle_runs=2,
    tens=1,
    changes=30,
    latency_s={15: 30, 1: 10},
    activities_s=5,
    drains=1,
    notes=300,
    practices=50,
    fleet_runs=1,
    fleet_s=15,
    entries=20_000,
    odbc=Size(patients=2_000, appointments=20_000),
    odbc_runs=2,
    odbc_checks=10,
    odbc_notes=30,
)
