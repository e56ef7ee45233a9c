"""A thousand practices in one process of the product's own engine: what that costs, and how late checks begin.

`python -m bench.fleet '<JSON>'` makes them in the data folder that CHARTBRIDGE_DATA names, all on one small database
but each with a session of its own, lets them read, measures while nothing changes, and prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from bench import practice
from bench.figures import Part
from bench.hub import Hub
from bench.server import MariaDb
from bench.sizes import Sizes

ENGINE = "InnoDB"


def run(part: Part, maria: MariaDb, sizes: Sizes) -> None:
    """First with statuses alone every 15 s, then with every stream at its default interval."""
    name = practice.ensure(maria, ENGINE, practice.TINY)
    hub = Hub(practice.FOLDER / "hub-fleet")
    wanted = {
        "values": practice.connection_values(maria, name),
        "practices": sizes.practices,
        "runs": sizes.fleet_runs,
        "seconds": sizes.fleet_s,
    }
    out = subprocess.run(
        [sys.executable, "-m", "bench.fleet", json.dumps(wanted)],
        env=hub.env(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, dict[str, Any]] = json.loads(out.stdout.strip().splitlines()[-1])
    note = f"{sizes.practices:,} practices"
    part.add("fleet.core", found["statuses"]["core"], note=note)
    part.add("fleet.slip", found["statuses"]["slip"], note=f"{found['statuses']['failed']} checks failed")
    part.add("fleet.rate", found["statuses"]["rate"])
    part.add("fleet.all_core", found["all"]["core"], note=f"{found['all']['rate'][0]:.0f} checks a second")
    part.add("fleet.all_slip", found["all"]["slip"])


def _make(values: dict[str, str], practices: int) -> None:
    """Practices with a connection each, whose streams are made when they are first tended."""
    from chartbridge.pms.connector import Settings
    from chartbridge.store.connections import save_connection
    from chartbridge.store.database import writing
    from chartbridge.store.models import Practice

    for begin in range(0, practices, 100):
        with writing():
            for number in range(begin, min(begin + 100, practices)):
                made = Practice.objects.create(name=f"Practice {number}", time_zone="UTC")
                save_connection(made.pk, "open_dental", Settings(values=values, secrets=practice.SECRETS))


def _until_all_have_read(practices: int) -> None:
    from chartbridge.store.models import StreamState

    while True:
        waiting = StreamState.objects.filter(on=True, first_read_done_at=None, stream__in=_BIG).count()
        if not waiting and StreamState.objects.filter(stream__in=_BIG).count() == practices * len(_BIG):
            return
        time.sleep(1)


_BIG = ("appointment_status", "appointments", "patients")


def _window(engine: Any, seconds: int) -> dict[str, float]:
    """One window: share of a core, slip p99 and checks per second."""
    from chartbridge.engine.slips import Slips

    engine._slips = Slips()  # those of the beginning are not meant
    wall, cpu = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    slip = engine.slip()
    return {"core": 100 * cpu / wall, "slip": slip.p99_ms, "rate": slip.jobs / wall}


def _windows(engine: Any, runs: int, seconds: int) -> dict[str, Any]:
    from chartbridge.store.models import StreamState

    windows = [_window(engine, seconds) for _ in range(runs)]
    found: dict[str, Any] = {key: [each[key] for each in windows] for key in windows[0]}
    return {**found, "failed": StreamState.objects.filter(failures__gt=0).count()}


def main(*, values: dict[str, str], practices: int, runs: int, seconds: int) -> None:
    """Make, read, settle, measure, print."""
    from chartbridge import bootstrap

    bootstrap.prepare()
    bootstrap.make_data_folder()
    bootstrap.migrate()
    from chartbridge.store.models import StreamState

    _make(values, practices)
    hub = bootstrap.make_hub()
    hub.start()
    _until_all_have_read(practices)
    out = {}
    for name, others_on in (("statuses", False), ("all", True)):
        StreamState.objects.exclude(stream="appointment_status").update(on=others_on)
        time.sleep(max(20, practices / 25))  # what was due at once has been spread
        out[name] = _windows(hub.engine, runs, seconds)
    print(json.dumps(out), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
