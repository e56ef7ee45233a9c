"""The committed matrix of capabilities is the manifests' own."""

from __future__ import annotations

from pathlib import Path

from chartbridge.bootstrap import make_registry
from chartbridge.testing.matrix import WHERE, matrix

ROOT = Path(__file__).parents[2]


def test_the_committed_matrix_is_current() -> None:
    page = matrix(make_registry().manifests.values())
    assert (ROOT / WHERE).read_text(encoding="utf-8") == page, "run: python -m chartbridge.testing.matrix"
