"""A file's content in pieces: the whole, in order, or an error."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from chartbridge.domain.content import NOTHING, PIECE, Content


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE, 5 * PIECE + 7])
@pytest.mark.parametrize("at_once", [PIECE, 3 * PIECE])
def test_its_pieces_are_the_whole(size: int, at_once: int) -> None:
    whole = bytes(at % 251 for at in range(size))
    content = replace(Content.of(whole), at_once=at_once)
    pieces = list(content.pieces())
    assert b"".join(pieces) == bytes(content) == whole
    assert len(content) == size
    assert all(len(each) == PIECE for each in pieces[:-1])
    assert content.sha256 == hashlib.sha256(whole).hexdigest()


def test_two_are_equal_by_their_bytes() -> None:
    assert Content.of(b"%PDF-1.7") == Content.of(b"%PDF-1.7")
    assert Content.of(b"%PDF-1.7") != Content.of(b"%PDF-1.4")
    assert not NOTHING


def test_a_content_that_ends_too_soon_is_an_error_and_not_a_shorter_file() -> None:
    content = replace(Content.of(b"x" * PIECE), size=PIECE + 1)
    with pytest.raises(OSError, match="too soon"):
        bytes(content)


def test_nothing_of_it_is_shown() -> None:
    assert "Jane" not in repr(Content.of(b"Jane Roe"))
