"""docs/benchmarks.md from the saved figures: nothing in it is written by hand.

Must not be in it: measuring, what must be reached.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.figures import Figure, Part, load, mark, runs_in_words, shown
from bench.promises import PARTS, TABLE, Line

PAGE = Path("docs/benchmarks.md")
DATA = Path("docs/benchmarks.json")
HEAD = "| what | database | measured | must | | runs |\n|---|---|---:|---:|---|---|"


def collect(folder: Path) -> list[dict[str, Any]]:
    """The saved parts, in order; one that was never measured is left out, and its lines say so."""
    saved = [folder / f"{name}.json" for name in PARTS]
    return [json.loads(path.read_text()) for path in saved if path.exists()]


def page(data: list[dict[str, Any]]) -> str:
    """The whole page."""
    parts = [load(json.dumps(each)) for each in data]
    figures = {(figure.key, figure.engine): figure for part in parts for figure in part.figures}
    promised = [each for each in TABLE if each.limit is not None]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Made by `make bench ARGS=--write` from the figures in `benchmarks.json`; never edited by hand.",
            "",
            _in_short(figures),
            "",
            "## Ratios",
            "",
            "Both sides of a ratio were measured in the same run on the same machine, so they hold best elsewhere.",
            "",
            *_table([each for each in promised if each.ratio], figures),
            "",
            "## Times, memory and counts",
            "",
            *_table([each for each in promised if not each.ratio], figures),
            "",
            "## For comparison",
            "",
            "Nothing is promised here: what the figures above were made from, and what else the machine did.",
            "",
            *_table([each for each in TABLE if each.limit is None], figures),
            "",
            "## How each is measured",
            "",
            "A figure with more than one run is their median; beside it stand how many and the least and the greatest.",
            "",
            *(f"- **{part.name}** ({_when(part)}). {PARTS[part.name]}" for part in parts),
            "",
            "## The machine",
            "",
            "A virtual machine with other work on it. In `How each is measured` stand the load when a part began and "
            "the share of its time in which some program, the bench's own or another, waited for a processor: with "
            "much of that, times are the machine's rather than the product's.",
            "",
            *_machine(parts),
            "",
        ]
    )


def _in_short(figures: dict[tuple[str, str], Figure]) -> str:
    promised = [
        (each.key, engine) for each in TABLE if each.limit is not None for engine in each.engines or ("",)
    ]
    measured = [figures[each] for each in promised if each in figures]
    reached = sum(figure.reached is True for figure in measured)
    words = f"Of {len(promised)} promised figures {reached} are reached"
    if len(measured) < len(promised):
        words += f", **{len(promised) - len(measured)} are not measured yet**"
    if reached < len(measured):
        words += f", **{len(measured) - reached} fall short**"
    return f"{words}."


def _table(lines: list[Line], figures: dict[tuple[str, str], Figure]) -> list[str]:
    rows = [HEAD]
    for each in lines:
        for engine in each.engines or ("",):
            figure = figures.get((each.key, engine))
            cells = [each.what, engine, *_measured(each, figure)]
            rows.append(f"| {' | '.join(cells)} |")
    return rows


def _measured(each: Line, figure: Figure | None) -> list[str]:
    if figure is None:
        return ["", each.must, "**not measured**", ""]
    said = mark(figure)
    runs = "; ".join(words for words in (runs_in_words(figure), figure.note) if words)
    return [
        f"{shown(figure.measured)} {each.unit}",
        each.must,
        f"**{said}**" if said == "SHORT" else said,
        runs,
    ]


def _when(part: Part) -> str:
    waited = f"programs waited for a processor in {part.waited:.0f} % of the time"
    return f"{part.day}, {part.seconds / 60:.0f} min, load {part.load_before:g} at its begin, {waited}"


def _machine(parts: list[Part]) -> list[str]:
    """One line per fact; where parts were measured on different ones, each is named."""
    facts: dict[str, list[str]] = {}
    for part in parts:
        for name, value in part.machine.items():
            if value not in facts.setdefault(name, []):
                facts[name].append(value)
    return [f"- {name}: {' / '.join(values)}" for name, values in facts.items()]
