"""What is written is so: links lead somewhere, commands exist, rooms, words and variables are those of the code."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from chartbridge import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/chartbridge/**/README.md")])
SOURCE = ROOT / "src" / "chartbridge"


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target) and (path := target.split("#")[0]):
            assert (page.parent / path).exists(), f"{page.relative_to(ROOT)} links to {target}"


@pytest.mark.parametrize("name", ["README.md", "docs/operating.md"])
def test_every_make_target_that_is_named_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", text_of(name), re.MULTILINE):
        assert target in targets, f"{name} speaks of make {target}"


@pytest.mark.parametrize("name", ["README.md", "docs/operating.md", "docs/what-happens-when.md"])
def test_every_command_that_is_named_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    known = capsys.readouterr().out
    for command in re.findall(r"(?:^|`|/)chartbridge ([a-z][a-z-]+)", text_of(name), re.MULTILINE):
        assert re.search(rf"^\s+{command}\b", known, re.MULTILINE), f"{name} speaks of chartbridge {command}"


def test_every_command_of_the_operating_page_names_the_same_folder() -> None:
    for line in re.findall(r"^hub/bin/chartbridge .*", text_of("docs/operating.md"), re.MULTILINE):
        assert "--data /var/lib/chartbridge" in line


@pytest.mark.parametrize("name", ["README.md", "docs/operating.md"])
def test_what_is_installed_is_what_the_lock_names(name: str) -> None:
    installs = re.findall(r"hub/bin/pip install ([^&\n]+)", text_of(name))
    assert [each.strip() for each in installs] == ["--require-hashes -r requirements.lock", "--no-deps ."]


def test_every_variable_that_is_read_is_explained() -> None:
    read = {
        name
        for path in SOURCE.rglob("*.py")
        for name in re.findall(
            r"environ(?:\.get\(|\[|\.setdefault\()\"(CHARTBRIDGE_[A-Z_]+)", path.read_text("utf-8")
        )
    }
    explained = set(re.findall(r"`(CHARTBRIDGE_[A-Z_]+)`", text_of("docs/operating.md")))
    assert {name for name in read if "TEST" not in name} <= explained
    assert explained <= read


def test_the_architecture_names_every_room() -> None:
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    drawn = set(
        re.findall(
            r"[a-z]+", text_of("docs/architecture.md").split("## Rooms")[1].split("Only `bootstrap`")[0]
        )
    )
    assert rooms - drawn == set()


def test_every_room_says_what_may_live_there() -> None:
    for path in SOURCE.glob("*/__init__.py"):
        assert path.read_text("utf-8").startswith('"""'), path


def test_every_word_of_the_glossary_is_in_the_code() -> None:
    for line in text_of("docs/glossary.md").splitlines():
        for name in re.findall(r"\| `([a-z_.]+[A-Za-z_.]*)(?:\([a-z=A-Z]*\))?` \|$", line):
            assert _found(name), f"the glossary speaks of {name}"


def _found(name: str) -> bool:
    parts = name.split(".")
    if parts[0][0].isupper():
        parts = ["store", "models", *parts]
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(["chartbridge", *parts[:cut]]))
        except ImportError:
            continue
        return _has(found, parts[cut:])
    return False


def _has(found: object, rest: list[str]) -> bool:
    for part in rest:
        if hasattr(found, part):
            found = getattr(found, part)
            continue
        fields = getattr(found, "__annotations__", {})
        return part in fields or any(name.startswith(part.rstrip("_*")) for name in vars(found))
    return True
