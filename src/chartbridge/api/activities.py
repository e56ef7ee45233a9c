"""Handing in activities and documents, asking what became of them.

Must not be in it: what makes an activity good (intake) or where it goes (writeback).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import File, Form, Header, Path, Query, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from chartbridge.api import turned_down
from chartbridge.api.access import caller
from chartbridge.api.answers import ActivityDetail, ActivityOut, activity_detail, activity_out
from chartbridge.api.errors import ERRORS, ErrorBody, ErrorOut, as_body, bad_field, first_problem, not_found
from chartbridge.api.handing_in import intake
from chartbridge.domain.activities import ActivityKind
from chartbridge.intake.accept import Item
from chartbridge.intake.checking import EARLIEST
from chartbridge.intake.new import BadActivity, KeyReused, NewActivity, sent_file
from chartbridge.intake.people import candidates
from chartbridge.store import activities
from chartbridge.store.board import front_connection

router = Router(tags=["Activities"])
MOST_IN_A_BATCH = 1_000
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", default=None)]


def _is_text(value: Any) -> Any:
    if isinstance(value, str | datetime | date) or value is None:
        return value
    raise ValueError("a date or time is written as text")


class ActivityIn(Schema):
    """An activity. Say whose it is by `patient_key`, or by `phone` or `email` to have it matched."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"kind": "outgoing_text", "patient_key": "1042", "body": "See you at 3 pm."}]
        },
    )
    kind: str = Field(
        json_schema_extra={"enum": [str(kind) for kind in ActivityKind if not kind.is_document]}
    )
    patient_key: str = Field("", description="The patient's number in the PMS.")
    occurred_at: Annotated[
        datetime | None,
        BeforeValidator(_is_text),
        WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
    ] = Field(None, description="With its time zone. Left out: now.")
    subject: str = ""
    body: str = ""
    is_html: bool = Field(False, strict=True)
    phone: str = ""
    email: str = ""
    author: str = ""
    written_by_ai: bool = Field(False, strict=True)
    verified_on: Annotated[
        date | None,
        BeforeValidator(_is_text),
        WithJsonSchema({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}),
    ] = None

    def told(self) -> NewActivity:
        """Return it as intake takes it."""
        return NewActivity(**{name: getattr(self, name) for name in ActivityIn.model_fields})


class BatchItemIn(ActivityIn):
    """One of many, with its own key."""

    idempotency_key: str | None = None


class BatchIn(Schema):
    """Up to 1,000 activities. Each ends by itself."""

    model_config = ConfigDict(extra="forbid")
    activities: Annotated[
        list[Any],
        Field(min_length=1, max_length=MOST_IN_A_BATCH),
        WithJsonSchema(
            {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_IN_A_BATCH,
                "items": {"description": "As in POST /activities, with `idempotency_key`."},
            }
        ),
    ]


class BatchItemOut(Schema):
    """What became of one: its activity, or why not. `status` is as POST /activities would have answered."""

    status: int
    activity: ActivityOut | None = None
    error: ErrorBody | None = None


class BatchOut(Schema):
    """In the order in which they were sent."""

    accepted: int
    results: list[BatchItemOut]


class DocumentIn(Schema):
    """The form fields beside the file."""

    kind: str = Field(json_schema_extra={"enum": [str(kind) for kind in ActivityKind if kind.is_document]})
    patient_key: str = ""
    occurred_at: AwareDatetime | None = None
    subject: str = ""
    author: str = ""
    phone: str = ""
    email: str = ""
    verified_on: date | None = None


class Listing(Schema):
    """Activities, the last accepted first. `next_before` goes on from here; null at the end."""

    activities: list[ActivityDetail]
    next_before: int | None


class AssignIn(Schema):
    """Whose it is."""

    model_config = ConfigDict(extra="forbid")
    patient_key: str


class CandidateOut(Schema):
    """Someone it may be, and why."""

    patient_key: str
    name: str
    status: str
    reasons: list[str]


@router.post(
    "/activities",
    response={200: ActivityOut, 201: ActivityOut, ERRORS: ErrorOut},
    summary="Hand in an activity",
)
def post_activity(request: HttpRequest, payload: ActivityIn, idempotency_key: Key) -> Status[ActivityOut]:
    """Durable when answered: 201 for a new one, 200 for the same one again under the same Idempotency-Key."""
    who = caller(request)
    done = intake.accept(
        who.practice_id, payload.told(), source=who.source, who=who.who, idempotency_key=idempotency_key
    )
    out = activity_out(done.activity, done.writebacks, duplicate=done.duplicate)
    return Status(200 if done.duplicate else 201, out)


@router.post(
    "/activities/batch", response={200: BatchOut, ERRORS: ErrorOut}, summary="Hand in up to 1,000 activities"
)
def post_batch(request: HttpRequest, payload: BatchIn) -> BatchOut:
    """Answer for each by itself; a bad one costs the others nothing. Send the same batch again after a lost answer."""
    who = caller(request)
    results: list[BatchItemOut | None] = [None] * len(payload.activities)
    good: dict[int, Item] = {}
    for index, raw in enumerate(payload.activities):
        try:
            item = BatchItemIn.model_validate(raw)
            good[index] = Item(new=item.told(), idempotency_key=item.idempotency_key)
        except ValidationError as error:
            problem = first_problem(error.errors(include_input=False, include_url=False))
            results[index] = BatchItemOut(status=422, error=problem)
    outcomes = intake.accept_many(who.practice_id, list(good.values()), source=who.source, who=who.who)
    for index, outcome in zip(good, outcomes, strict=True):
        results[index] = _item_out(outcome)
    answered = [r for r in results if r is not None]
    turned_down.keep(request, [(r.error.field, r.error.message) for r in answered if r.error])
    return BatchOut(accepted=sum(r.activity is not None for r in answered), results=answered)


def _item_out(outcome: Any) -> BatchItemOut:
    if isinstance(outcome, BadActivity | KeyReused):
        status = 409 if isinstance(outcome, KeyReused) else 422
        return BatchItemOut(status=status, error=as_body(outcome))
    out = activity_out(outcome.activity, outcome.writebacks, duplicate=outcome.duplicate)
    return BatchItemOut(status=200 if outcome.duplicate else 201, activity=out)


@router.post(
    "/documents", response={200: ActivityOut, 201: ActivityOut, ERRORS: ErrorOut}, summary="Hand in a PDF"
)
def post_document(
    request: HttpRequest, data: Form[DocumentIn], file: File[UploadedFile], idempotency_key: Key
) -> Status[ActivityOut]:
    """Take an insurance verification or an account statement, made elsewhere, of at most 12 MB."""
    who = caller(request)
    if data.kind not in [str(kind) for kind in ActivityKind if kind.is_document]:
        raise bad_field("kind", "A document is an insurance_verification or an account_statement.")
    new = NewActivity(
        **data.__dict__, file_name=file.name or "", file_content=sent_file(file, file.size or 0)
    )
    done = intake.accept(
        who.practice_id, new, source=who.source, who=who.who, idempotency_key=idempotency_key
    )
    out = activity_out(done.activity, done.writebacks, duplicate=done.duplicate)
    return Status(200 if done.duplicate else 201, out)


@router.get("/activities", response={200: Listing, ERRORS: ErrorOut}, summary="List activities")
def list_activities(
    request: HttpRequest,
    since: AwareDatetime | None = None,
    patient_key: Annotated[str, Query(pattern=r"^[0-9]{0,20}$")] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Listing:
    """List those accepted since a moment, or a patient's; the last accepted first."""
    rows = activities.listing(
        caller(request).practice_id,
        patient_key=patient_key,
        since=_within_reach(since),
        before_id=before,
        limit=limit,
    )
    return Listing(
        activities=[activity_detail(row) for row in rows],
        next_before=rows[-1].pk if len(rows) == limit else None,
    )


def _within_reach(since: datetime | None) -> datetime | None:
    """Return a moment that every database can compare: far ends of the calendar and odd zones overflow."""
    if since is None or since.year < EARLIEST.year:
        return None
    return since.replace(year=min(since.year, 8000)).astimezone(UTC)


@router.get(
    "/activities/{activity_id}", response={200: ActivityDetail, ERRORS: ErrorOut}, summary="One activity"
)
def get_activity(request: HttpRequest, activity_id: Id) -> ActivityDetail:
    """Tell where an activity stands, with its writebacks and their receipts."""
    row = activities.activity_of(caller(request).practice_id, activity_id)
    if row is None:
        raise not_found("activity")
    return activity_detail(row)


@router.get(
    "/activities/{activity_id}/candidates",
    response={200: list[CandidateOut], ERRORS: ErrorOut},
    summary="Whose it may be",
)
def get_candidates(request: HttpRequest, activity_id: Id) -> list[CandidateOut]:
    """List everyone with the activity's phone number or e-mail address, with the reasons."""
    practice_id = caller(request).practice_id
    row = activities.activity_of(practice_id, activity_id)
    connection = front_connection(practice_id)
    if row is None:
        raise not_found("activity")
    if connection is None:
        return []
    return [
        CandidateOut(
            patient_key=c.patient.key,
            name=f"{c.patient.preferred or c.patient.first_name} {c.patient.last_name}".strip(),
            status=c.patient.status,
            reasons=list(c.reasons),
        )
        for c in candidates(connection.pk, phone=row.phone, email=row.email)
    ]


@router.post(
    "/activities/{activity_id}/assign",
    response={200: ActivityOut, ERRORS: ErrorOut},
    summary="Say whose it is",
)
def assign(request: HttpRequest, activity_id: Id, payload: AssignIn) -> ActivityOut:
    """Give an activity that was held for want of a patient to its patient, and let it go on."""
    who = caller(request)
    done = intake.assign(who.practice_id, activity_id, payload.patient_key, who=who.who)
    if done is None:
        raise not_found("activity that waits for its patient")
    return activity_out(done.activity, done.writebacks)
