"""`make simulate ARGS="--seeds 50000 --from N"`: more seeds than the suite runs; ends with 1 unless all are good."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.results import Verdict, how_to_replay, summed

if TYPE_CHECKING:
    from tests.simulation.storage import Storage

_NAMES = ("ops", "deaths", "lost", "twice", "wrong", "unknown")


def main() -> int:
    """Run and print."""
    asked = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    asked.add_argument("--seeds", type=int, default=1000, help="how many")
    asked.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    asked.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    asked.add_argument("--show", action="store_true", help="print each seed's record")
    given = asked.parse_args()
    begun = time.monotonic()
    pieces = [
        range(at, min(at + 50, given.first + given.seeds))
        for at in range(given.first, given.first + given.seeds, 50)
    ]
    total: Counter[str] = Counter()
    done = 0
    with ProcessPoolExecutor(min(given.jobs, len(pieces))) as pool:
        for verdicts in pool.map(_piece, pieces, [given.show] * len(pieces)):
            total += summed(verdicts)
            done += len(verdicts)
            for bad in (each for each in verdicts if not each.good):
                print(how_to_replay([bad]), flush=True)
            if done % 1000 < len(verdicts):
                print(_line(done, total), flush=True)
    print(_line(done, total), f"in {time.monotonic() - begun:.0f} s")
    return 1 if any(total[name] for name in _NAMES[2:]) else 0


def _line(seeds: int, total: Counter[str]) -> str:
    return f"seeds {seeds:,}  " + "  ".join(f"{name} {total[name]:,}" for name in _NAMES)


def _piece(seeds: range, show: bool) -> list[Verdict]:
    storage = _storage()
    from tests.simulation.day import run

    verdicts = []
    for seed in seeds:
        verdict, world = run(storage, seed, keep_lines=show)
        if show:
            print("\n".join([*world.lines, f"seed {seed} trace {world.trace}"]))
        verdicts.append(verdict)
    return verdicts


@cache
def _storage() -> Storage:
    """Make this process ready, and its database."""
    os.environ.setdefault("CHARTBRIDGE_DATA", tempfile.mkdtemp(prefix="chartbridge-simulate-"))
    os.environ["CHARTBRIDGE_DATABASE_URL"] = ""
    from chartbridge.bootstrap import prepare as prepare_process

    prepare_process()
    from chartbridge.store import one_hub

    one_hub.LOCKS = Path(tempfile.mkdtemp(prefix="chartbridge-simulate-"))  # these are no hubs to each other
    from tests.simulation.day import prepare
    from tests.simulation.storage import Storage

    return Storage(prepare)


if __name__ == "__main__":
    sys.exit(main())
