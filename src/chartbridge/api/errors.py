"""How the API says no: one shape, `{"error": {"code", "message", "field"}}`, a sentence a person can act on.

Never in an answer or a log: what was sent, or an exception's own text.
"""

from __future__ import annotations

import logging
import traceback
from typing import Any

from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import ValidationError as PydanticValidationError

from chartbridge.api import turned_down
from chartbridge.intake.new import BadActivity, KeyReused
from chartbridge.pms.errors import PmsError
from chartbridge.store.room import says_full

log = logging.getLogger("chartbridge.api")


class ErrorBody(Schema):
    """What went wrong. `code` is stable; `message` is a sentence; `field` names what to correct, or is empty."""

    code: str
    message: str
    field: str = ""


class ErrorOut(Schema):
    """Every answer that is no success."""

    error: ErrorBody


class ApiError(Exception):
    """Ends a call with an answer of that shape."""

    def __init__(
        self, status: int, code: str, message: str, *, field: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.body = ErrorBody(code=code, message=message, field=field)
        self.retry_after = retry_after


_PLACES = {"body", "query", "path", "header", "form", "file"}
ERRORS = frozenset({400, 401, 403, 404, 409, 413, 422, 429, 503})
_CODES = {400: "unreadable", 401: "not_signed_in", 403: "not_allowed", 404: "not_found", 429: "too_many"}


def not_found(what: str) -> ApiError:
    """Make the 404 for something that this practice has not; another practice's is as good as none."""
    return ApiError(404, "not_found", f"There is no such {what} in this practice.")


def bad_field(field: str, message: str) -> ApiError:
    """Make the 422 for a field."""
    return ApiError(422, "invalid", message, field=field)


def as_body(error: BadActivity | KeyReused) -> ErrorBody:
    """Return what is answered when an activity was turned down."""
    if isinstance(error, KeyReused):
        return ErrorBody(code="key_reused", message=error.sentence, field="idempotency_key")
    return ErrorBody(code="invalid", message=error.sentence, field=error.field)


def first_problem(errors: list[Any]) -> ErrorBody:
    """Return pydantic's first finding as ours; never the value that was sent."""
    first = errors[0]
    where = [str(part) for part in first["loc"]]
    if where and where[0] in _PLACES:
        where = where[2 if where[1:2] in (["payload"], ["data"]) else 1 :]
    field = ".".join(where)
    limits = first.get("ctx") or {}
    if first["type"] == "too_long" and "actual_length" in limits:
        most, sent = limits["max_length"], limits["actual_length"]
        said = f"At most {most:,} {where[-1] if where else 'items'} in one call; these are"
        return ErrorBody(code="invalid", message=f"{said} {sent:,}. Send them in pieces.", field=field)
    message = str(first["msg"]) if first["type"] != "value_error" else "This value can't be used"
    return ErrorBody(code="invalid", message=f"{field or 'The request'}: {message.rstrip('.')}.", field=field)


def answer(body: ErrorBody, status: int, retry_after: int | None = None) -> HttpResponse:
    """Make the answer."""
    response = JsonResponse({"error": body.model_dump()}, status=status)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _turned_down(request: HttpRequest, body: ErrorBody, status: int) -> HttpResponse:
    turned_down.keep(request, [(body.field, body.message)])
    return answer(body, status)


def install(api: NinjaAPI) -> None:
    """Give every failure its answer."""
    table: dict[type[Exception], Any] = {
        ApiError: lambda _, e: answer(e.body, e.status, e.retry_after),
        BadActivity: lambda r, e: _turned_down(r, as_body(e), 422),
        KeyReused: lambda r, e: _turned_down(r, as_body(e), 409),
        ValidationError: lambda r, e: _turned_down(r, first_problem(e.errors), 422),
        PydanticValidationError: lambda r, e: _turned_down(
            r, first_problem(e.errors(include_input=False)), 422
        ),
        AuthenticationError: lambda _, __: answer(_NO_TOKEN, 401),
        HttpError: lambda r, e: _turned_down(
            r, ErrorBody(code=_CODES.get(e.status_code, "refused"), message=_plain(e)), e.status_code
        ),
        Http404: lambda _, __: answer(not_found("thing").body, 404),
        PmsError: lambda _, e: answer(ErrorBody(code="pms", message=e.safe_message), 503, 5),
        OperationalError: _busy,
        Exception: _our_fault,
    }
    for kind, handler in table.items():
        api.add_exception_handler(kind, handler)


_NO_TOKEN = ErrorBody(
    code="not_signed_in",
    message="Send a live API token in the header `Authorization: Bearer cb_…`. "
    "An owner makes one under Settings, API and webhooks.",
)


def _plain(error: HttpError) -> str:
    return "The request isn't JSON that can be read." if error.status_code == 400 else error.message


_FULL = ErrorBody(
    code="disk_full",
    message="Chartbridge's disk is full. Nothing was kept; send it again with the same key once there is room.",
)


def _busy(_request: HttpRequest, error: Exception) -> HttpResponse:
    log.warning("the database did not answer: %s", type(error).__name__)
    if says_full(error):
        return answer(_FULL, 503, 30)
    busy = ErrorBody(
        code="busy", message="The database is busy. Nothing was kept; send it again with the same key."
    )
    return answer(busy, 503, 1)


def _our_fault(_request: HttpRequest, error: Exception) -> HttpResponse:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else "?"
    log.error("an API call failed by our fault: %s at %s", type(error).__name__, place)
    fault = ErrorBody(
        code="internal", message="Something went wrong in Chartbridge. Send it again with the same key."
    )
    return answer(fault, 500)
