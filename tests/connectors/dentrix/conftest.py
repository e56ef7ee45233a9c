"""The practice that these tests are run on."""

from tests.connectors.dentrix.practices import dentrix_practice, dentrix_rig

__all__ = ["dentrix_practice", "dentrix_rig"]
