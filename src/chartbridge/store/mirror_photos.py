"""Which photo a patient shows: the newest that is still there. Photos may be read before their patients.

Must not be in it: bytes of a picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from chartbridge.store.models import MirrorPatient, MirrorPhoto

_PIECE = 500


def patients_of(connection_id: int, photo_keys: Sequence[str]) -> list[str]:
    """Return the keys of the patients whom these photos show."""
    found: list[str] = []
    for start in range(0, len(photo_keys), _PIECE):
        mine = MirrorPhoto.objects.filter(
            connection_id=connection_id, key__in=photo_keys[start : start + _PIECE]
        )
        found += mine.values_list("patient_key", flat=True)
    return found


def show_on_new(connection_id: int, patient_keys: Sequence[str]) -> None:
    """Give patients who were just read for the first time the photos that were read before them."""
    if patient_keys and MirrorPhoto.objects.filter(connection_id=connection_id).exists():
        show(connection_id, patient_keys)


def show(connection_id: int, patient_keys: Sequence[str]) -> list[str]:
    """Bring `photo_*` of these patients up to date; returns the keys of those that moved."""
    moved: list[str] = []
    keys = list(dict.fromkeys(patient_keys))
    for start in range(0, len(keys), _PIECE):
        moved += _show(connection_id, keys[start : start + _PIECE])
    return moved


def _show(connection_id: int, keys: list[str]) -> list[str]:
    photos = MirrorPhoto.objects.filter(connection_id=connection_id, patient_key__in=keys, gone_at=None)
    newest = {p[0]: p[1:] for p in photos.order_by("pk").values_list("patient_key", "key", "version", "ref")}
    showing = MirrorPatient.objects.filter(connection_id=connection_id, key__in=keys)
    if not newest:
        showing = showing.exclude(photo_key="")
    moved: list[str] = []
    for pk, key, *photo in showing.values_list("pk", "key", "photo_key", "photo_version", "photo_ref"):
        wanted = newest.get(key, ("", "", ""))
        if tuple(photo) != tuple(wanted):
            fields = dict(zip(("photo_key", "photo_version", "photo_ref"), wanted, strict=True))
            MirrorPatient.objects.filter(pk=pk).update(**fields)
            moved.append(key)
    return moved
