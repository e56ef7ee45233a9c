"""Two practices with overlapping numbers, a token to each, and a program that calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from chartbridge.domain.activities import NOTE_KINDS
from chartbridge.store.mirror_rows import digits_of
from chartbridge.store.models import (
    ApiToken,
    Connection,
    DocumentSetting,
    LookupEntry,
    MirrorAppointment,
    MirrorPatient,
    NoteSetting,
    Practice,
    StatusMapping,
    StatusSighting,
)
from chartbridge.store.tokens import create_token


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program with a token, calling over Django's own client."""

    practice: Practice
    connection: Connection
    token: ApiToken
    plain: str
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    @property
    def sign_in(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.plain}"}

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.client.get(f"/api/v1{path}", query, headers=self.sign_in)

    def send(
        self, path: str, body: Any, key: str | None = None, method: str = "POST", **more: str
    ) -> HttpResponse:
        headers = self.sign_in | ({"Idempotency-Key": key} if key is not None else {}) | more
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.generic(
            method, f"/api/v1{path}", data, content_type="application/json", headers=headers
        )

    def upload(self, content: bytes, key: str | None = None, **form: str) -> HttpResponse:
        file = SimpleUploadedFile("nov.pdf", content, content_type="application/pdf")
        headers = self.sign_in | ({"Idempotency-Key": key} if key is not None else {})
        return self.client.post("/api/v1/documents", {"file": file, **form}, headers=headers)


def made(name: str, patient_name: str, *, can_write: bool = True) -> Program:
    practice = Practice.objects.create(name=name)
    connection = Connection.objects.create(
        practice=practice, connector="open_dental", provider_key="1", identity={"version": "24.3.10"}
    )
    for kind, key, word in (
        ("providers", "1", "DOC1"),
        ("providers", "2", "HYG"),
        ("note_types", "10", "Text"),
        ("document_types", "20", "Insurance"),
        ("appointment_statuses", "30", "Unconfirmed"),
        ("appointment_statuses", "31", "Arrived"),
    ):
        LookupEntry.objects.create(connection=connection, kind=kind, key=key, name=word)
    LookupEntry.objects.create(connection=connection, kind="providers", key="9", name="OLD", active=False)
    for note_kind in NOTE_KINDS:
        NoteSetting.objects.create(connection=connection, kind=note_kind, allow=True, note_type_key="10")
    for document_kind in ("insurance_verification", "account_statement"):
        DocumentSetting.objects.create(
            connection=connection, kind=document_kind, write=True, document_type_key="20"
        )
    StatusMapping.objects.create(
        connection=connection, status_key="31", flow_status="checked_in", writes=True
    )
    for number in ("1042", "1043"):
        add_patient(connection, number, last_name=patient_name, mobile=f"202555{number}")
    starts = datetime(2026, 11, 23, 9, 0)  # noqa: DTZ001 - the PMS's wall time
    MirrorAppointment.objects.create(
        connection=connection,
        key="700",
        patient_key="1042",
        starts_local=starts,
        minutes=60,
        state="scheduled",
        status_key="30",
        content_hash=b"",
    )
    StatusSighting.objects.create(
        connection=connection,
        appointment_key="700",
        seen_key="a",
        state="scheduled",
        status_key="30",
        at_local=starts,
        stored_at="2026-11-23T14:00:00Z",
    )
    token = create_token(practice.pk, f"phones of {name}", can_write=can_write)
    return Program(practice=practice, connection=connection, token=token.token, plain=token.plain)


def add_patient(connection: Connection, key: str, *, last_name: str, mobile: str = "") -> MirrorPatient:
    return MirrorPatient.objects.create(
        connection=connection,
        key=key,
        last_name=last_name,
        first_name="Pat",
        status="active",
        mobile_phone=mobile,
        mobile_digits=digits_of(mobile),
        search=f"{last_name.lower()} pat {mobile}",
        content_hash=b"",
    )


@pytest.fixture
def program(db: None) -> Program:
    return made("Maple", "Zebediah")


@pytest.fixture
def other(program: Program) -> Program:
    return made("Oak", "Quillon")


def body_of(response: HttpResponse) -> Any:
    return json.loads(response.content)


def error_of(response: HttpResponse) -> Mapping[str, str]:
    body = body_of(response)
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "field"}
    assert body["error"]["message"].endswith(".")
    error: Mapping[str, str] = body["error"]
    return error
