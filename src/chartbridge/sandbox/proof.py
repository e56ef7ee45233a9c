"""What a practice's own tables must show of what a hub says it has written: there, once, at the right patient.

Must not be in it: reading a table, anything of the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedWrite:
    """One write that the hub says it has done."""

    marker: str
    patient_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedMove:
    """One status that the hub says it has set; the practice may have moved the visit on since."""

    appointment_key: str
    status_key: str
    patient_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What the practice's own tables say. `in_pms` counts markers found at least once, at the right patient."""

    in_pms: int
    missing: tuple[str, ...]
    twice: tuple[str, ...]
    wrong_patient: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not (self.missing or self.twice or self.wrong_patient)


def judge_writes(found: Mapping[str, Sequence[str]], expected: Iterable[ExpectedWrite]) -> Proof:
    """Compare with the markers in the tables and their patients' numbers, one per record that carries it."""
    missing, twice, wrong = [], [], []
    in_pms = 0
    for want in expected:
        patients = found.get(want.marker, [])
        if not patients:
            missing.append(want.marker)
            continue
        if len(patients) > 1:
            twice.append(want.marker)
        if any(patient != want.patient_key for patient in patients):
            wrong.append(want.marker)
        else:
            in_pms += 1
    return Proof(in_pms=in_pms, missing=tuple(missing), twice=tuple(twice), wrong_patient=tuple(wrong))


def judge_moves(patients: Callable[[ExpectedMove], Sequence[str]], expected: Iterable[ExpectedMove]) -> Proof:
    """Compare with the patients of a visit that had its status at any time. A status can't be there twice."""
    in_pms, missing, wrong = 0, [], []
    for want in expected:
        found = patients(want)
        if not found:
            missing.append(want.appointment_key)
        elif any(patient != want.patient_key for patient in found):
            wrong.append(want.appointment_key)
        else:
            in_pms += 1
    return Proof(in_pms=in_pms, missing=tuple(missing), twice=(), wrong_patient=tuple(wrong))
