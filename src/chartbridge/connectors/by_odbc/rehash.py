"""Finds changes in tables that keep no stamp: rows are hashed and compared with the hashes that a cursor carries.

For a day's schedule, not for a whole table: a cursor holds some hundred hashes. Must not be in it: a vendor's column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2s


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs from what was watched. `now` is what is to be watched from here on."""

    changed: tuple[str, ...]
    vanished: tuple[str, ...]
    now: Watched


@dataclass(frozen=True, slots=True)
class Watched:
    """Hash and number of changes so far by key. The number tells sightings of one state at two times apart."""

    rows: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    def compare(self, rows: Mapping[str, Sequence[object]]) -> Difference:
        """Compare with the rows as they are now, by key."""
        now: dict[str, tuple[str, int]] = {}
        changed = []
        for key, row in rows.items():
            hashed, (before, count) = digest(row), self.rows.get(key, ("", 0))
            if hashed != before:
                changed.append(key)
                count += 1
            now[key] = (hashed, count)
        vanished = tuple(key for key in self.rows if key not in rows)
        return Difference(tuple(changed), vanished, Watched(now))

    def count(self, key: str) -> int:
        """How many changes of a key were seen."""
        return self.rows.get(key, ("", 0))[1]

    def as_list(self) -> list[list[object]]:
        """Its stored form."""
        return [[key, hashed, count] for key, (hashed, count) in self.rows.items()]

    @classmethod
    def of_list(cls, stored: Sequence[Sequence[object]]) -> Watched:
        """Back from its stored form. Raises `ValueError` or `TypeError` for anything else."""
        return cls({str(key): (str(hashed), int(str(count))) for key, hashed, count in stored})


def digest(row: Sequence[object]) -> str:
    """A short hash of a row; the values themselves can't be had back from it by anybody who sees a cursor."""
    return blake2s(repr(tuple(row)).encode(), digest_size=6).hexdigest()
