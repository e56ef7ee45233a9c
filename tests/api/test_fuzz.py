"""Whatever is sent, the API answers as its own description says, and never with a fault of ours."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from chartbridge.api.access import RateLimit
from tests.api.conftest import Program
from tests.api.test_access import ROUTES
from tests.api.test_activities import TEXT

EXAMPLES = int(os.environ.get("CHARTBRIDGE_FUZZ_EXAMPLES", "12"))
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]
LITERAL = {path for _method, path in ROUTES if "{" not in path}


@pytest.fixture
def described(transactional_db: None, program: Program, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("chartbridge.api.access._limit", RateLimit(per_second=1e6, burst=1e6))
    program.send("/activities", TEXT)
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler())


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_finds_a_fault(
    program: Program, described: Any, method: str, path: str, mode: GenerationMode
) -> None:
    operation = described[path][method.upper()]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        assume("{" not in path or case.formatted_path not in LITERAL)  # a chance number: another address
        if path.endswith("/changes"):
            case.query = {**(case.query or {}), "wait": 0}
        response = case.call(headers=program.sign_in)
        case.validate_response(response, checks=CHECKS)

    run()
