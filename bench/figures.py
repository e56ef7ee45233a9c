"""The figures of a run: kept with every single run's value, printed as they come, saved as JSON.

Must not be in it: what they must reach (promises), measuring.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.measure import median
from bench.promises import BY_KEY


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number: the median of `runs`. `whole` is False where something that counts was missing."""

    key: str
    engine: str
    measured: float
    runs: list[float]
    note: str = ""
    whole: bool = True

    @property
    def reached(self) -> bool | None:
        """Whether it reaches what was promised; None where nothing was."""
        reached = BY_KEY[self.key].reached(self.measured)
        return reached and self.whole if reached is not None else None


@dataclass(kw_only=True)
class Part:
    """The figures of one part of a run. `waited`: in how many per cent of its time a program waited to run."""

    name: str
    quick: bool
    machine: dict[str, str] = field(default_factory=dict)
    day: str = ""
    seconds: float = 0.0
    load_before: float = 0.0
    waited: float = 0.0
    figures: list[Figure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begun, self._waited = time.monotonic(), _waited()
        self.day = self.day or time.strftime("%Y-%m-%d")
        self.load_before = self.load_before or round(os.getloadavg()[0], 1)

    def add(
        self, key: str, runs: Sequence[float] | float, engine: str = "", *, note: str = "", whole: bool = True
    ) -> None:
        """Keep a figure, the median of its runs, and print it at once."""
        values = [round(each, 5) for each in ([runs] if isinstance(runs, int | float) else runs)]
        figure = Figure(
            key=key, engine=engine, measured=round(median(values), 5), runs=values, note=note, whole=whole
        )
        self.figures.append(figure)
        print(line(figure), flush=True)

    def save(self, folder: Path) -> None:
        """Write it as JSON: `NAME.json`, or `quick-NAME.json` for a trial."""
        self.seconds = round(time.monotonic() - self._begun, 1)
        self.waited = round(100 * (_waited() - self._waited) / max(self.seconds, 1), 1)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{'quick-' if self.quick else ''}{self.name}.json"
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def _waited() -> float:
    """Seconds since the start of the machine in which some program waited for a processor; 0 where it isn't told."""
    pressure = Path("/proc/pressure/cpu")
    if not pressure.exists():
        return 0.0
    return int(pressure.read_text().splitlines()[0].rpartition("total=")[2]) / 1e6


def load(text: str) -> Part:
    """Read back what `save` wrote."""
    data = json.loads(text)
    return Part(**{**data, "figures": [Figure(**each) for each in data["figures"]]})


def line(figure: Figure) -> str:
    """A figure as one line of the printed table."""
    promised = BY_KEY[figure.key]
    what = f"{promised.what}{f' ({figure.engine})' if figure.engine else ''}"
    words = [f"{what:<98}", f"{shown(figure.measured):>9} {promised.unit:<8}", f"{promised.must:<14}"]
    return " ".join([*words, mark(figure), runs_in_words(figure), figure.note]).rstrip()


def mark(figure: Figure) -> str:
    """Reached, SHORT, or nothing where nothing is promised."""
    return {True: "reached", False: "SHORT", None: ""}[figure.reached]


def shown(value: float) -> str:
    """A number with as many digits as mean something."""
    if value != value:
        return "none"
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 100 else f"{value:.2f}"


def runs_in_words(figure: Figure) -> str:
    """How many runs and between what they lay; nothing for a single one."""
    if len(figure.runs) < 2:
        return ""
    return f"median of {len(figure.runs)}, {shown(min(figure.runs))} to {shown(max(figure.runs))}"
