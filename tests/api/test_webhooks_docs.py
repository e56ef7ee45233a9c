"""docs/webhooks.md: its receiver runs as it stands, and it names every event and the whole schedule."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from django.utils import timezone

from chartbridge.api.webhooks import WAITS, Sender
from chartbridge.domain.clock import SystemClock
from chartbridge.domain.webhooks import Reach as Where
from chartbridge.domain.webhooks import WebhookEvent
from chartbridge.store import outbox, webhooks
from chartbridge.store.models import Practice, WebhookMessage
from tests.servers.process import await_answer, free_port, stop

PAGE = Path(__file__).parents[2].joinpath("docs", "webhooks.md").read_text(encoding="utf-8")


def test_the_page_s_receiver_takes_what_is_sent_and_refuses_a_forgery(
    transactional_db: None, tmp_path: Path
) -> None:
    practice, port, now = Practice.objects.create(name="Maple"), free_port(), timezone.now()
    made = webhooks.add_endpoint(
        practice.pk, url=f"http://127.0.0.1:{port}/", description="", events=[WebhookEvent.PATIENT_CHANGED],
        reach=Where.MACHINE, at=now,
    )  # fmt: skip
    program = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "receiver.py").write_text(program[0])
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "receiver.py")], stdout=out, stderr=out,
            env={**os.environ, "WEBHOOK_SECRET": made.plain, "PORT": str(port)},
        )  # fmt: skip
    try:
        await_answer(process, lambda: socket.create_connection(("127.0.0.1", port), 1).close(), log)
        outbox.put_patients(practice.pk, ["1042"], now)
        sender = Sender(SystemClock())
        sender.send(made.endpoint.pk)
        assert WebhookMessage.objects.get().state == "delivered"
        outbox.send_again(made.endpoint, now, WebhookMessage.objects.get().pk)
        sender.send(made.endpoint.pk)
        webhooks.new_secret(made.endpoint, now)
        webhooks.WebhookEndpoint.objects.update(previous_until=now)
        outbox.put_patients(practice.pk, ["1043"], now)
        sender.send(made.endpoint.pk)
        assert WebhookMessage.objects.order_by("-pk")[0].status == 401
    finally:
        stop(process)
    told = [line for line in log.read_text().splitlines() if line.startswith("patient.changed")]
    assert told == [f"patient.changed {{'practice_id': {practice.pk}, 'patient_key': '1042'}}"]


def test_the_page_names_every_event_and_the_schedule() -> None:
    assert {str(event) for event in WebhookEvent} <= set(re.findall(r"`(\w+\.\w+)`", PAGE))
    words = {5: "5 s", 300: "5 min", 1800: "30 min", 7200: "2 h", 18000: "5 h", 36000: "10 h"}
    said = [words[int(wait.total_seconds())] for wait in WAITS]
    assert " ".join(PAGE.split()).count(f"{', '.join(said[:-1])} and {said[-1]}") == 1
