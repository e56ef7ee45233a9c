"""chartbridge …: what a person types."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from chartbridge.bootstrap import prepare

    prepare()
