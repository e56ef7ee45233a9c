"""`make bench`: measure everything that was promised, print the table, keep the figures under build/bench.

`make bench ARGS="idle drain"` measures parts, `--quick` tries everything in small, `--write` makes docs/benchmarks.md
and docs/benchmarks.json from the figures of the last whole runs of all parts.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable

from bench import by_odbc, first_sync, fleet, idle, latency, ledger, practice, writes
from bench.figures import Part, line
from bench.machine import machine
from bench.page import DATA, PAGE, collect, page
from bench.promises import ENGINES, PARTS, TABLE
from bench.server import MariaDb
from bench.sizes import FULL, ONCE, QUICK, Sizes

Measure = Callable[[Part, MariaDb, str, Sizes], None]
ON_BOTH: dict[str, Measure] = {
    "first_sync": first_sync.run,
    "idle": idle.run,
    "latency": latency.run,
}
ON_ONE: dict[str, Callable[[Part, MariaDb, Sizes], None]] = {
    "activities": lambda part, _maria, sizes: writes.activities(part, sizes),
    "drain": lambda part, _maria, sizes: writes.drain(part, sizes),
    "fleet": fleet.run,
    "odbc": lambda part, _maria, sizes: by_odbc.run(part, sizes),
    "ledger": lambda part, _maria, sizes: ledger.run(part, sizes),
}
OWN_PRACTICES = {"odbc", "ledger"}
"""Parts that make what they need themselves."""


def main() -> None:
    """Parse, measure, save, print the table, write the page if asked to."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"which to measure: {', '.join(PARTS)}; all without any")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try; not for the page")
    parser.add_argument(
        "--once", action="store_true", help="full sizes, but most of it once instead of thrice"
    )
    parser.add_argument("--write", action="store_true", help="write the page from the figures kept")
    parser.add_argument("--only-write", action="store_true", help="measure nothing, write the page")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that what was started is ended too
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    measured = (
        [] if args.only_write else _measure(args.parts or list(PARTS), quick=args.quick, once=args.once)
    )
    if measured:
        _print(measured)
    if args.write or args.only_write:
        data = collect(practice.FOLDER)
        DATA.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
        PAGE.write_text(page(data))
        print(f"wrote {PAGE}")


def _measure(names: list[str], *, quick: bool, once: bool) -> list[Part]:
    sizes = QUICK if quick else ONCE if once else FULL
    measured = []
    maria = practice.server()
    try:
        for size in (sizes.small, sizes.big) if set(names) - OWN_PRACTICES else ():
            for engine in ENGINES:
                practice.ensure(maria, engine, size)
        for name in (each for each in PARTS if each in names):
            print(f"\n{name}: {time.strftime('%H:%M:%S')}", flush=True)
            part = Part(name=name, quick=quick, machine=machine())
            if name in ON_ONE:
                ON_ONE[name](part, maria, sizes)
                part.save(practice.FOLDER)
            for engine in ENGINES if name in ON_BOTH else ():
                ON_BOTH[name](part, maria, engine, sizes)
                part.save(practice.FOLDER)
            measured.append(part)
    finally:
        maria.stop()
    return measured


def _print(parts: list[Part]) -> None:
    figures = {(figure.key, figure.engine): figure for part in parts for figure in part.figures}
    print()
    for each in TABLE:
        for engine in each.engines or ("",):
            if found := figures.get((each.key, engine)):
                print(line(found))
    short = sum(figure.reached is False for figure in figures.values())
    print(f"\n{len(figures)} figures, {short} short; {sum(part.seconds for part in parts) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
