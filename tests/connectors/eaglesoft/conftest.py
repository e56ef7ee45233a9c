"""The practice that these tests are run on."""

from tests.connectors.eaglesoft.practices import eaglesoft_practice, eaglesoft_rig

__all__ = ["eaglesoft_practice", "eaglesoft_rig"]
