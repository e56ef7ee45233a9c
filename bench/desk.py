"""A front desk at work, in its own process: one UPDATE of an appointment every few milliseconds, each timed.

`python -m bench.desk PORT DATABASE` works until its input ends and then prints one JSON line
{"n": …, "p50_ms": …, "p99_ms": …, "max_ms": …}. The update is the program's own: it sets Confirmed by AptNum.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import pymysql

from bench.measure import percentile

EVERY_S = 0.01


def work(port: int, database: str, over: threading.Event) -> dict[str, float]:
    """Update today's appointments in turn until it is over; return the waiting times in milliseconds."""
    db = pymysql.connect(host="127.0.0.1", port=port, user="root", database=database, autocommit=True)
    cursor = db.cursor()
    cursor.execute(
        "SELECT AptNum FROM appointment WHERE AptDateTime >= CURDATE() AND AptDateTime < CURDATE() + INTERVAL 1 DAY"
        " LIMIT 500"
    )
    numbers = [row[0] for row in cursor.fetchall()]
    waits: list[float] = []
    turn = 0
    while not over.is_set():
        begun = time.perf_counter()
        status = 19 if (turn // len(numbers)) % 2 else 21
        cursor.execute(
            "UPDATE appointment SET Confirmed=%s WHERE AptNum=%s", (status, numbers[turn % len(numbers)])
        )
        waits.append((time.perf_counter() - begun) * 1000)
        turn += 1
        time.sleep(EVERY_S)
    return {
        "n": len(waits),
        "p50_ms": percentile(waits, 0.5),
        "p99_ms": percentile(waits, 0.99),
        "max_ms": max(waits),
    }


def main() -> None:
    """Work until the input ends, print."""
    over = threading.Event()

    def read_to_the_end() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=read_to_the_end, daemon=True).start()
    print(json.dumps(work(int(sys.argv[1]), sys.argv[2], over)))


if __name__ == "__main__":
    main()
