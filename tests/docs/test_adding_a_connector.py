"""The page that teaches how to add a connector tells the truth: its cost, its example, the knobs and words it names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from chartbridge.pms import errors
from chartbridge.testing import rig
from chartbridge.testing.cost import cost, main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ADDING_A_CONNECTOR.md").read_text("utf-8")


def test_the_cost_is_the_counted_one() -> None:
    assert f"What that one cost: {cost('csv_folder')}." in PAGE, (
        "run: python -m chartbridge.testing.cost csv_folder"
    )


def test_every_test_file_of_a_connector_is_counted(tmp_path: Path) -> None:
    folders = ("src/chartbridge/connectors/x", "tests/contract", "tests/connectors/x/deeper")
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    for file, lines in {
        "src/chartbridge/bootstrap.py": 1,
        "src/chartbridge/connectors/x/manifest.toml": 3,
        "src/chartbridge/connectors/x/README.md": 4,
        "tests/contract/test_x.py": 10,
        "tests/connectors/x/__init__.py": 0,
        "tests/connectors/x/test_x.py": 20,
        "tests/connectors/x/deeper/test_more.py": 300,
    }.items():
        (tmp_path / file).write_text("line\n" * lines)
    assert "3 test files with 330 lines, of which its rig and its share of the suite are 10;" in cost(
        "x", tmp_path
    )


def test_only_a_connector_that_exists_is_counted() -> None:
    assert main(["nothing"]) == 2
    assert main(["csv_folder"]) == 0


def test_the_manifest_shown_is_the_examples_own() -> None:
    shown = tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, re.S)[1])  # type: ignore[index]
    real = tomllib.loads((ROOT / "src/chartbridge/connectors/csv_folder/manifest.toml").read_text("utf-8"))
    for part in ("streams", "commands"):
        for name, body in shown[part].items():
            assert body.items() <= real[part][name].items()


def test_the_errors_and_knobs_named_exist() -> None:
    table = PAGE.split("## Naming errors")[1].split("## The rig")[0]
    for name in re.findall(r"`([A-Z][A-Za-z]+)(?:\([^`]*\))?` \|", table):
        assert hasattr(errors, name), name
    knobs = PAGE.split("| knob |")[1].split("\n\n")[0]
    named = set(re.findall(r"`([a-z_]+)(?:\([a-z]*\))?`", knobs)) - {"answered"}
    assert len(named) > 10
    for name in named:
        assert hasattr(rig.Rig, name), name
