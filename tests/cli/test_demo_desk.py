"""The programs around the demo's practice: whom they move, and what they remember to have handed in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx2

from chartbridge.demo.day import Incoming
from chartbridge.demo.desk import Accepted, Desk


def test_nobody_is_checked_in_hours_before_the_visit() -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    visits = [
        {
            "key": key,
            "patient_key": "7",
            "flow_status": "expected",
            "starts_local": (now + timedelta(hours=hours)).isoformat(),
        }
        for key, hours in (("soon", 0.5), ("in-the-afternoon", 4))
    ]
    moved: list[str] = []

    def hub(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            moved.append(request.url.path)
            return httpx2.Response(202, json={"id": len(moved)})
        return httpx2.Response(200, content=json.dumps(visits))

    desk = Desk("http://hub", "token", seed=1, zone="UTC")
    desk._web = httpx2.Client(base_url="http://hub/api/v1", transport=httpx2.MockTransport(hub))
    for _ in range(20):
        desk.move_somebody()
    assert set(moved) == {"/api/v1/appointments/soon/status"}
    assert desk.accepted == [
        Accepted(activity_id=None, patient_key="7", writebacks=(n,)) for n in range(1, len(moved) + 1)
    ]


def test_what_was_accepted_is_remembered_also_where_the_first_answer_was_lost() -> None:
    """The hub keeps it and the line breaks: under the same key it is answered with 200, and is one all the same."""
    kept: dict[str, int] = {}

    def hub(request: httpx2.Request) -> httpx2.Response:
        key = request.headers["Idempotency-Key"]
        if key not in kept:
            kept[key] = 40 + len(kept)
            raise httpx2.ReadError("the line broke")
        body = {"id": kept[key], "patient_key": "7", "writebacks": [{"id": 60}, {"id": 61}]}
        return httpx2.Response(200, json=body)

    desk = Desk("http://hub", "token", seed=1, zone="UTC")
    desk._web = httpx2.Client(base_url="http://hub/api/v1", transport=httpx2.MockTransport(hub))
    desk._unsent = [Incoming(body={"kind": "patient_note", "patient_key": "7"}, key="one")]
    assert not desk.catch_up()
    assert desk.accepted == []
    assert desk.catch_up()
    assert desk.accepted == [Accepted(activity_id=40, patient_key="7", writebacks=(60, 61))]
