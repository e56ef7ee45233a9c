"""A front desk at work, in its own process: one UPDATE of an appointment every few milliseconds, each timed.

`python -m bench.desk --port N --database D --seconds S [--every 0.01]` prints one JSON line
{"n": …, "p50_ms": …, "p99_ms": …, "max_ms": …}. The update is the program's own: it sets Confirmed by AptNum.
"""

from __future__ import annotations

import argparse
import json
import time

import pymysql

from bench.measure import percentile


def work(port: int, database: str, seconds: float, every: float) -> dict[str, float]:
    """Update today's appointments in turn and return the waiting times in milliseconds."""
    db = pymysql.connect(host="127.0.0.1", port=port, user="root", database=database, autocommit=True)
    cursor = db.cursor()
    cursor.execute(
        "SELECT AptNum FROM appointment WHERE AptDateTime >= CURDATE() AND AptDateTime < CURDATE() + INTERVAL 1 DAY"
        " LIMIT 500"
    )
    numbers = [row[0] for row in cursor.fetchall()]
    waits: list[float] = []
    turn = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        status = 19 if (turn // len(numbers)) % 2 else 21
        cursor.execute(
            "UPDATE appointment SET Confirmed=%s WHERE AptNum=%s", (status, numbers[turn % len(numbers)])
        )
        waits.append((time.perf_counter() - begun) * 1000)
        turn += 1
        time.sleep(every)
    return {
        "n": len(waits),
        "p50_ms": percentile(waits, 0.5),
        "p99_ms": percentile(waits, 0.99),
        "max_ms": max(waits),
    }


def main() -> None:
    """Parse the arguments, work, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--every", type=float, default=0.01)
    args = parser.parse_args()
    print(json.dumps(work(args.port, args.database, args.seconds, args.every)))


if __name__ == "__main__":
    main()
