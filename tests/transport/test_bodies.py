"""Bodies: a file in JSON, in pieces, is what the whole would have been."""

from __future__ import annotations

import base64
import json
import tracemalloc

import pytest

from chartbridge.domain.content import Content
from chartbridge.transport.bodies import PIECE, Base64, as_json, in_one, pieces

KNOWN = {"PatNum": 7, "Description": 'Zoë\'s "statement"', "DocCategory": 3}


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100, PIECE, PIECE + 1, PIECE // 4 * 3 * 2, 200_001])
@pytest.mark.parametrize("others", [{}, KNOWN, {"Description": "ü" * PIECE}])
def test_a_file_in_pieces_is_the_json_that_it_would_have_been(size: int, others: dict[str, object]) -> None:
    content = bytes(at % 251 for at in range(size))
    body = as_json({**others, "rawBase64": Base64(Content.of(content))})
    made = list(pieces(body))
    assert len(body) == sum(map(len, made))
    assert all(len(piece) <= PIECE for piece in made)
    assert in_one(body) == b"".join(made)
    assert json.loads(in_one(body)) == {**others, "rawBase64": base64.b64encode(content).decode()}


def test_json_without_a_file_is_sent_as_it_is() -> None:
    large = {"Note": "ü" * 100_000}
    assert as_json(KNOWN) == json.dumps(KNOWN).encode()
    assert b"".join(pieces(as_json(large))) == json.dumps(large).encode()


def test_of_a_large_file_only_a_piece_at_a_time_is_made() -> None:
    body = as_json({"rawBase64": Base64(Content.of(bytes(12_000_000)))})
    tracemalloc.start()
    for _ in pieces(body):
        pass
    (_, most) = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5 * PIECE


def test_no_content_is_shown() -> None:
    body = as_json({"rawBase64": Base64(Content.of(b"Jane Roe")), "Description": "of Jane"})
    assert "Jane" not in repr(body)
