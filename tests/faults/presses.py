"""`python -m tests.faults.presses`: what a person presses on a running hub's pages. JSON in, JSON out.

A process of its own, because a data folder is fixed when the product is imported.
"""

from __future__ import annotations

import json
import sys


def press(button: str, connection_id: int) -> bool:
    """`lists`: Sync now of the lists. `right`: "It is right, go on". Whether there was anything to press."""
    from chartbridge import bootstrap

    bootstrap.prepare()
    from chartbridge.pms.reading import Stream
    from chartbridge.sync.buttons import resume_after_brake, sync_now

    if button == "lists":
        return bool(sync_now(connection_id, Stream.LOOKUPS))
    return resume_after_brake(connection_id, "ann@example.com")


if __name__ == "__main__":
    json.dump(press(**json.load(sys.stdin)), sys.stdout)
