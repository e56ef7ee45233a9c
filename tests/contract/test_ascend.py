"""Dentrix Ascend, held to the contract that every connector is held to, for what it declares: it is read only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from chartbridge.connectors.ascend.connector import connect
from chartbridge.pms.connector import Connector, Settings
from chartbridge.sandbox.ascend import AscendPractice
from chartbridge.testing.line import Line
from chartbridge.testing.plain_rig import PlainRig
from chartbridge.testing.suite import ConnectorContract


class AscendRig(PlainRig):
    """The sandbox's API over a line that can be cut."""

    listed = ("UNCONFIRMED", "CONFIRMED", "HERE", "CHAIR")
    active, inactive = "ACTIVE", "INACTIVE"
    lists = frozenset({"appointment_statuses"})

    def __init__(self) -> None:
        super().__init__()
        self.practice = AscendPractice(self.clock.now)
        self.practice.answered = self.answered
        self.line = Line("127.0.0.1", self.practice.port)
        self.publish()

    @property
    def today(self) -> date:
        return self.clock.now().date()

    def settings(self, **values: str) -> Settings:
        usual = {
            "organization_id": self.practice.organization_id,
            "location_id": self.practice.location_id,
            "time_zone": "UTC",
            "address": f"http://127.0.0.1:{self.line.port}",
            "monthly_calls": "30000",
        }
        return Settings(values=usual | values, secrets=dict(self.practice.client))

    def connect(self) -> Connector:
        return connect(self.settings(), self.clock)

    def publish(self) -> None:
        held = self.practice.lists
        for key, row in self.tables["patients"].items():
            self.practice.put("patients", key, {
                "firstName": row["first_name"], "lastName": row["last_name"], "patientStatus": row["status"],
                "phones": [{"phoneType": "HOME", "number": row["mobile_phone"], "sequence": 1}],
                "emailAddress": row["email"], "dateOfBirth": "1984-02-29",
            })  # fmt: skip
        for key, row in self.tables["appointments"].items():
            self.practice.put("appointments", key, {
                "start": _instant(row["starts_at"]), "duration": int(row["minutes"]), "status": row["status"],
                "patient": {"id": row["patient"], "type": "PatientV1"}, "title": "Visit",
                "location": {"id": self.practice.location_id, "type": "LocationV1"},
            })  # fmt: skip
        for gone in held["appointments"].keys() - self.tables["appointments"].keys():
            del held["appointments"][gone]

    def unknown_state(self, appointment_key: str) -> str:
        return self.change("appointments", appointment_key, "status", "SURGERY")

    def go_offline(self) -> None:
        self.line.cut()

    def come_back(self) -> None:
        self.line.restore()

    def be_busy(self) -> None:
        self.practice.busy = True

    def expire_sign_in(self) -> None:
        self.practice.tokens.clear()
        self.practice.client["client_secret"] = "another"

    def throttle(self) -> None:
        self.practice.throttled = True

    def writes_received(self) -> int:
        return len(self.practice.calls)

    def close(self) -> None:
        self.line.cut()
        self.practice.stop()


def _instant(text: str) -> str:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return text


class TestAscend(ConnectorContract):
    @pytest.fixture
    def rig(self) -> Iterator[AscendRig]:
        rig = AscendRig()
        yield rig
        rig.close()
