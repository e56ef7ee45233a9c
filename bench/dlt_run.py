"""dlt doing what it is recommended for: an incremental load of patients and appointments into DuckDB.

Runs in its own environment (bench/requirements.lock). Prints one JSON line per run:
{"wall": s, "cpu": s, "rows": n, "peak_rss_mb": x}; the first one counts from the start of the process.
"""

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

started_wall, started_cpu = time.perf_counter(), time.process_time()

import dlt  # noqa: E402
from dlt.sources.sql_database import sql_table  # noqa: E402

COLUMNS = {
    "patient": "PatNum LName FName MiddleI Preferred PatStatus Birthdate WirelessPhone HmPhone WkPhone Email "
    "Guarantor PriProv TxtMsgOk DateTStamp",
    "appointment": "AptNum PatNum AptStatus Pattern Confirmed Op ProvNum ProvHyg AptDateTime IsNewPatient "
    "ProcDescript DateTimeArrived DateTimeSeated DateTimeDismissed DateTStamp",
}
KEYS = {"patient": "PatNum", "appointment": "AptNum"}


def resources(url: str, window: tuple[str, str]) -> list[Any]:
    """The two tables, incremental by DateTStamp; appointments in the same window as the hub reads."""

    def in_window(query: Any, table: Any) -> Any:
        if table.name != "appointment":
            return query
        return query.where(table.c.AptDateTime >= window[0], table.c.AptDateTime < window[1])

    made = []
    for name, columns in COLUMNS.items():
        table = sql_table(
            credentials=url,
            table=name,
            backend="pyarrow",
            chunk_size=50_000,
            included_columns=columns.split(),
            incremental=dlt.sources.incremental("DateTStamp"),
            query_adapter_callback=in_window,
        )
        table.apply_hints(primary_key=KEYS[name], write_disposition="merge")
        made.append(table)
    return made


def step(pipeline: Any, url: str, window: tuple[str, str], wall: float, cpu: float) -> None:
    """One run, counted from `wall` and `cpu`."""
    pipeline.run(resources(url, window))
    counts = pipeline.last_trace.last_normalize_info.row_counts
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - wall,
                "cpu": time.process_time() - cpu,
                "rows": sum(n for table, n in counts.items() if not table.startswith("_dlt")),
                "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        ),
        flush=True,
    )


def main() -> None:
    """Load what is new, `runs` times in this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--window", nargs=2, required=True)
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(args.folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(args.folder / "bench.duckdb")),
        dataset_name="practice",
    )
    window = (args.window[0], args.window[1])
    step(pipeline, args.url, window, started_wall, started_cpu)
    for _ in range(args.runs - 1):
        step(pipeline, args.url, window, time.perf_counter(), time.process_time())


main()
