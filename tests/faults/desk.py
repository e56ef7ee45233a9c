"""What a manager presses on the pages, by itself: `python -m tests.faults.desk`, JSON in and out.

Must not be in it: judging.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Let some go; or send all of one reason again; or go on after the brake and write again what vanished.

    The last two say how many that were.
    """
    from chartbridge import bootstrap

    told: dict[str, Any] = json.load(sys.stdin)
    bootstrap.prepare()
    from chartbridge.sync.buttons import resume_after_brake
    from chartbridge.writeback.mend import dismiss, retry_alike

    if "dismiss" in told:
        dismiss(told["practice_id"], told["dismiss"], "manager@example.com")
        json.dump({}, sys.stdout)
        return
    if "retry" in told:
        again = retry_alike(told["practice_id"], told["retry"], "manager@example.com")
        json.dump({"again": again}, sys.stdout)
        return
    went_on = resume_after_brake(told["connection_id"], "manager@example.com")
    again = retry_alike(told["practice_id"], "vanished", "manager@example.com")
    json.dump({"went_on": went_on, "again": again}, sys.stdout)


if __name__ == "__main__":
    main()
