"""What a seed came to. Must not be in it: Django (the command counts in a process without it)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Told:
    """What the hub acknowledged: an activity by its token in its text or file, or a move on the board."""

    token: str
    activity_id: int
    patient_key: str


@dataclass
class Verdict:
    """What a seed came to. All but the first four must stay empty."""

    seed: int
    trace: str = ""
    ops: int = 0
    deaths: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.twice or self.wrong or self.unknown)

    def __str__(self) -> str:
        words = [
            f"{name}: {each}"
            for name in ("lost", "twice", "wrong", "unknown")
            for each in getattr(self, name)
        ]
        return f"seed {self.seed}, {self.ops} ops, {self.deaths} deaths: {'; '.join(words) or 'good'}"


def how_to_replay(bad: list[Verdict]) -> str:
    """What was found, and for each seed the command that shows it again."""
    return "\n".join(
        f'{each}\n  again: make simulate ARGS="--seeds 1 --from {each.seed} --show"\n'
        f"  once mended, it stays: a line in tests/simulation/seeds.txt"
        for each in bad
    )


def summed(verdicts: list[Verdict]) -> Counter[str]:
    """Count over many seeds."""
    total: Counter[str] = Counter()
    for each in verdicts:
        total["ops"] += each.ops
        total["deaths"] += each.deaths
        for name in ("lost", "twice", "wrong", "unknown"):
            total[name] += len(getattr(each, name))
    return total


def in_figures(verdicts: list[Verdict]) -> dict[str, int]:
    """The same in the words of `make faults`. Nothing of it was killed for real: that is counted apart."""
    total = summed(verdicts)
    return {
        "activities_and_moves": total["ops"],
        "ends_of_the_process": total["deaths"],
        "lost": total["lost"],
        "twice": total["twice"],
        "wrong_patient": total["wrong"],
        "unknown": total["unknown"],
    }
