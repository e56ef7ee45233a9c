"""The practices that these tests are run on."""

from tests.connectors.dentrix.practices import dentrix_practice, dentrix_rig
from tests.connectors.eaglesoft.practices import eaglesoft_practice, eaglesoft_rig
from tests.connectors.open_dental.practices import (
    api_on_mariadb_rig,
    database_rig,
    mariadb_practice,
    mariadb_sandbox,
    myisam_rig,
    sqlite_rig,
)

__all__ = [
    "api_on_mariadb_rig",
    "database_rig",
    "dentrix_practice",
    "dentrix_rig",
    "eaglesoft_practice",
    "eaglesoft_rig",
    "mariadb_practice",
    "mariadb_sandbox",
    "myisam_rig",
    "sqlite_rig",
]
