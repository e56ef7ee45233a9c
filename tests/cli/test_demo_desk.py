"""The programs around the demo's practice move only who can be there by now."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx2

from chartbridge.demo.desk import Desk


def test_nobody_is_checked_in_hours_before_the_visit() -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    visits = [
        {"key": key, "flow_status": "expected", "starts_local": (now + timedelta(hours=hours)).isoformat()}
        for key, hours in (("soon", 0.5), ("in-the-afternoon", 4))
    ]
    moved: list[str] = []

    def hub(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            moved.append(request.url.path)
        return httpx2.Response(200, content=json.dumps(visits))

    desk = Desk("http://hub", "token", seed=1, zone="UTC")
    desk._web = httpx2.Client(base_url="http://hub/api/v1", transport=httpx2.MockTransport(hub))
    for _ in range(20):
        desk.move_somebody()
    assert set(moved) == {"/api/v1/appointments/soon/status"}
