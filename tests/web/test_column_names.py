"""The columns have one name each, wherever they are named."""

from __future__ import annotations

from chartbridge.flow.columns import LABELS
from chartbridge.web.settings.words import FLOW


def test_the_board_and_the_statuses_page_call_the_columns_alike() -> None:
    assert {status: str(word) for status, word in FLOW.items()} == LABELS
