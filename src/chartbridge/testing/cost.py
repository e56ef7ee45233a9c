"""What a connector costs its author, counted: `python -m chartbridge.testing.cost csv_folder`.

The figure that ADDING_A_CONNECTOR.md names is this one; a test keeps it true. Must not be in it: an estimate.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from chartbridge.bootstrap import CONNECTORS

ROOT = Path(__file__).parents[3]
CODE = (".py", ".toml")


def cost(name: str, root: Path = ROOT) -> str:
    """Files and lines of a connector, of its tests and of its page, in one sentence."""
    folder = root / "src" / "chartbridge" / "connectors" / name
    code = [path for path in folder.iterdir() if path.suffix in CODE]
    tests = [root / "tests" / "contract" / f"test_{name}.py"]
    tests += [path for path in (root / "tests" / "connectors" / name).rglob("*.py") if path.stat().st_size]
    shared = _lines([root / "src" / "chartbridge" / "bootstrap.py"], f"connectors.{name}")
    return (
        f"{len(code)} files with {_lines(code)} lines, of which its manifest is {_lines([folder / 'manifest.toml'])}; "
        f"{len(tests)} test files with {_lines(tests)} lines, of which its rig and its share of the suite are "
        f"{_lines(tests[:1])}; a README of {_lines([folder / 'README.md'])} lines; "
        f"{shared} line in a file of others"
    )


def _lines(paths: Iterable[Path], with_text: str = "") -> int:
    return sum(with_text in line for path in paths for line in path.read_text("utf-8").splitlines())


def main(arguments: Sequence[str]) -> int:
    """Print the sentence."""
    if len(arguments) != 1 or arguments[0] not in CONNECTORS:
        print(f"usage: python -m chartbridge.testing.cost {{{','.join(CONNECTORS)}}}")
        return 2
    print(cost(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
