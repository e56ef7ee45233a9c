"""What a manager presses on the Health page, by itself: `python -m tests.faults.desk`, JSON in and out.

Must not be in it: judging.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Go on after the brake and write again what vanished; says how many that were."""
    from chartbridge import bootstrap

    told: dict[str, Any] = json.load(sys.stdin)
    bootstrap.prepare()
    from chartbridge.sync.buttons import resume_after_brake
    from chartbridge.writeback.mend import retry_alike

    went_on = resume_after_brake(told["connection_id"], "manager@example.com")
    again = retry_alike(told["practice_id"], "vanished", "manager@example.com")
    json.dump({"went_on": went_on, "again": again}, sys.stdout)


if __name__ == "__main__":
    main()
