"""Files of document activities: kept in one transaction with them, read in pieces by whoever sends them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from chartbridge.domain.content import PIECE, Content
from chartbridge.store import blobs
from chartbridge.store.activities import KeptFile, content_of, keep
from chartbridge.store.database import writing
from chartbridge.store.models import Activity, ActivityFile, Practice
from chartbridge.store.room import says_full

SIZES = [1, PIECE, blobs.AT_ONCE, 3 * blobs.AT_ONCE + 7]


def kept(content: Content) -> Activity:
    now = timezone.now()
    activity = Activity(
        practice=Practice.objects.create(name="Maple"),
        kind="account_statement",
        patient_key="7",
        occurred_at=now,
        accepted_at=now,
        source="test",
    )
    with writing():
        keep(activity, KeptFile(name="a.pdf", media_type="application/pdf", content=content))
    return activity


def of(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.mark.django_db
@pytest.mark.parametrize("size", SIZES)
def test_what_is_kept_is_read_back_in_pieces_again_and_again(size: int) -> None:
    activity = kept(Content.of(of(size)))
    content, media_type = content_of(activity.pk)
    assert (len(content), media_type) == (size, "application/pdf")
    assert content == Content.of(of(size))
    assert bytes(content) == bytes(content) == of(size)
    assert content.read(size - 1, 100) == of(size)[-1:]
    assert bytes(ActivityFile.objects.get().content) == of(size), "as it always lay in its row"


@pytest.mark.django_db
def test_a_file_that_cannot_be_read_to_its_end_is_not_kept() -> None:
    with pytest.raises(OSError, match="too soon"):
        kept(replace(Content.of(of(PIECE)), size=2 * PIECE))
    assert not Activity.objects.exists()
    assert not ActivityFile.objects.exists()


@pytest.mark.django_db
def test_a_file_that_is_gone_is_an_error_of_reading() -> None:
    content, _ = content_of(kept(Content.of(of(3 * PIECE))).pk)
    ActivityFile.objects.all().delete()
    with transaction.atomic(), pytest.raises(OSError, match="can't be read"):
        bytes(content)


@pytest.mark.django_db
def test_the_thread_has_its_memory_for_pages_again_afterwards() -> None:
    if connection.vendor != "sqlite":
        return
    usual = blobs._pragma("cache_size")
    bytes(content_of(kept(Content.of(of(PIECE))).pk)[0])
    assert blobs._pragma("cache_size") == usual
    with pytest.raises(OSError, match="too soon"):
        kept(replace(Content.of(of(PIECE)), size=2 * PIECE))
    assert blobs._pragma("cache_size") == usual


@pytest.mark.django_db(transaction=True)
def test_a_full_disk_is_called_that_and_nothing_is_kept() -> None:
    if connection.vendor != "sqlite":
        return
    connection.ensure_connection()
    (used,), (free,) = blobs._pragma("page_count"), blobs._pragma("freelist_count")
    large = Content.of(of((free + 60) * 4096))
    (most,) = blobs._pragma(f"max_page_count={used + 20}")
    assert most == used + 20
    try:
        with pytest.raises(OperationalError) as caught:
            kept(large)
    finally:
        blobs._pragma("max_page_count=1073741823")
    assert says_full(caught.value)
    assert not Activity.objects.exists()
    kept(large)
