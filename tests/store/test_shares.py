"""Which hub reads which connection: each exactly one, evenly, and by what others had when they are gone."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from chartbridge.store import place, shares
from chartbridge.store.models import Hub

pytestmark = pytest.mark.django_db
IDS = list(range(1, 1001))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    return tmp_path


def test_each_connection_is_read_by_one_and_all_of_them_have_about_as_many() -> None:
    hubs = [f"hub {n}" for n in range(4)]
    counts = Counter(shares.reader(hubs, each) for each in IDS)
    assert sum(counts.values()) == 1000
    assert all(190 <= counts[hub] <= 310 for hub in hubs), counts


def test_when_one_goes_only_its_own_share_moves_and_to_all_of_the_others() -> None:
    hubs = [f"hub {n}" for n in range(4)]
    before = {each: shares.reader(hubs, each) for each in IDS}
    after = {each: shares.reader(hubs[1:], each) for each in IDS}
    moved = {each for each in IDS if before[each] != after[each]}
    assert moved == {each for each in IDS if before[each] == hubs[0]}
    assert {after[each] for each in moved} == set(hubs[1:])


def test_a_hub_that_is_alone_reads_everything() -> None:
    assert shares.mine(IDS) == IDS


def test_a_hub_leaves_to_the_others_what_they_read_while_they_live() -> None:
    """On SQLite there are no others, whatever the table says."""
    theirs = timezone.now() + timedelta(hours=1)
    Hub.objects.create(name="another", until=theirs)
    shared = [each for each in IDS if shares.reader(["another", place.here()], each) == place.here()]
    expected = {"sqlite": IDS, "postgresql": shared}[connection.vendor]
    assert shares.mine(IDS) == expected
    Hub.objects.filter(name="another").update(until=timezone.now() - timedelta(seconds=1))
    assert shares.mine(IDS) == IDS, "it has been silent for long"


def test_a_hub_that_ends_is_no_longer_counted() -> None:
    shares.mine(IDS)
    shares.leave()
    assert not Hub.objects.exists()
