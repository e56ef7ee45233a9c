"""Activities in the store: kept once, found again by key, listed.

Must not be in it: whether an activity is good (that is `intake`) or what becomes of it (that is `writeback`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Length

from chartbridge.domain.content import Content
from chartbridge.store import blobs, deliveries, ledger, moving
from chartbridge.store.models import Activity, ActivityFile, Delivery, Writeback
from chartbridge.store.wake import Lane, wake


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFile:
    """A file that is to be kept with its activity."""

    name: str
    media_type: str
    content: Content

    def __repr__(self) -> str:
        return f"KeptFile({self.media_type}, {len(self.content)} bytes)"


def keep(activity: Activity, file: KeptFile | None) -> None:
    """Insert a new activity and its file; inside the caller's transaction.

    Raises `IntegrityError` where its idempotency key is taken.
    """
    activity.save(force_insert=True)
    if file:
        _keep_file(activity, file)


def keep_all(kept: Sequence[tuple[Activity, KeptFile | None]]) -> None:
    """Insert many at once, as `keep` does."""
    Activity.objects.bulk_create([activity for activity, _ in kept])
    for activity, file in kept:
        if file:
            _keep_file(activity, file)


def by_key(practice_id: int, source: str, key: str) -> Activity | None:
    """Return the activity that was accepted under an idempotency key."""
    rows = Activity.objects.filter(practice_id=practice_id, source=source, idempotency_key=key)
    return rows.first()


def by_keys(practice_id: int, source: str, keys: Sequence[str]) -> dict[str, Activity]:
    """Return the activities accepted under any of `keys`, by key."""
    rows = Activity.objects.filter(practice_id=practice_id, source=source, idempotency_key__in=keys)
    return {row.idempotency_key: row for row in rows if row.idempotency_key is not None}


def writebacks_of(activity: Activity) -> list[Writeback]:
    """Return an activity's writebacks in order of their parts."""
    return list(Writeback.objects.filter(activity=activity).order_by("pk"))


def activity_of(practice_id: int, activity_id: int) -> Activity | None:
    """Return one activity of a practice with its writebacks, or None: another practice's is none."""
    return _with_writebacks(Activity.objects.filter(practice_id=practice_id, pk=activity_id)).first()


def listing(
    practice_id: int,
    *,
    patient_key: str = "",
    since: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Activity]:
    """Return activities with their writebacks, the last accepted first; `before_id` goes on from a page's last."""
    rows = Activity.objects.filter(practice_id=practice_id)
    if patient_key:
        rows = rows.filter(patient_key=patient_key)
    if since:
        rows = rows.filter(accepted_at__gte=since)
    if before_id:
        rows = rows.filter(pk__lt=before_id)
    return list(_with_writebacks(rows.order_by("-pk"))[:limit])


def timeline(practice_id: int, patient_key: str, *, limit: int = 200) -> list[Activity]:
    """Return what happened with a patient, the latest first, with writebacks."""
    rows = Activity.objects.filter(practice_id=practice_id, patient_key=patient_key)
    return list(_with_writebacks(rows.order_by("-occurred_at", "-pk"))[:limit])


def say_why_held(held: Sequence[Writeback], code: str, sentence: str) -> None:
    """Set what a person has to answer before these can go on."""
    for writeback in held:
        writeback.reason_code, writeback.reason = code, sentence
    Writeback.objects.filter(pk__in=[w.pk for w in held]).update(reason_code=code, reason=sentence)


def give_to_patient(
    practice_id: int, activity_id: int, patient_key: str, *, who: str, at: datetime
) -> Activity | None:
    """Set whose a still nameless activity is; None where there is none such (any more).

    Its held writebacks then wait for that patient as any others do, and the writing lane is woken.
    """
    with ledger.turn(practice_id):
        rows = Activity.objects.filter(practice_id=practice_id, pk=activity_id, patient_key="")
        if not rows.update(patient_key=patient_key):
            return None
        mine = Writeback.objects.filter(practice_id=practice_id, activity_id=activity_id)
        held = deliveries.rows_of(
            practice_id, list(mine.filter(delivery=Delivery.HELD).values_list("pk", flat=True))
        )
        mine.update(patient_key=patient_key)
        moving.apply(practice_id, [_wait_for(row, patient_key) for row in held], who=who, at=at)
        for connection_id in {row.connection_id for row in held if row.connection_id}:
            wake(connection_id, Lane.WRITE)
    return Activity.objects.get(pk=activity_id)


def _wait_for(row: deliveries.Row, patient_key: str) -> moving.Change:
    reason = f"Given to patient {patient_key}; it is written as soon as the patient is found in the PMS."
    return moving.Change(
        row=row,
        move="hold",
        delivery=row.delivery,
        seen=row.seen,
        fields={"patient_key": patient_key, "reason_code": "unknown_patient", "reason": reason},
        detail={"code": "unknown_patient", "patient_key": patient_key},
    )


def _with_writebacks(rows: QuerySet[Activity]) -> QuerySet[Activity]:
    return rows.prefetch_related("writebacks")


def _keep_file(activity: Activity, file: KeptFile) -> None:
    row = ActivityFile(
        activity_id=activity.pk, name=file.name, media_type=file.media_type, sha256=file.content.sha256
    )
    blobs.insert(row, file.content)


def content_of(activity_id: int) -> tuple[Content, str]:
    """Return the content and the media type of a document activity. Raises `ActivityFile.DoesNotExist`."""
    rows = ActivityFile.objects.filter(activity_id=activity_id).annotate(size=Length("content"))
    pk, size, sha256, media_type = rows.values_list("pk", "size", "sha256", "media_type").get()
    return Content(size, sha256, blobs.reader(pk), blobs.AT_ONCE), media_type


def file_sizes(activity_ids: Sequence[int]) -> dict[int, int]:
    """Return the size in bytes of these activities' files."""
    rows = ActivityFile.objects.filter(activity_id__in=activity_ids).annotate(size=Length("content"))
    return dict(rows.values_list("activity_id", "size"))
