"""What only SAP SQL Anywhere understands, or says in its own words. Tested as text: no such server is at hand.

Must not be in it: a statement that the common subset can say.
"""

from __future__ import annotations

import re

from chartbridge.connectors.by_odbc.database import Dialect
from chartbridge.connectors.eaglesoft.words import NAME
from chartbridge.pms.errors import PmsError, Refused, Unauthorised, Unavailable
from chartbridge.transport.odbc import BUSY_S

NOW = "SELECT {{fn NOW()}}"
"""The server's wall time: an escape of ODBC, in doubled braces, that the driver turns into its server's own words."""

IDENTITY = "SELECT @@identity"
"""The key of the row that this session inserted last."""

_GATE = re.compile(r"authentication violation", re.IGNORECASE)
_RULE = re.compile(r"\bRAISERROR\b|trigger|user-defined exception|45000", re.IGNORECASE)
_LOCKED = re.compile(r"row in '[^']*' locked|deadlock|lock wait timeout", re.IGNORECASE)


def judge(state: str, text: str) -> PmsError | None:
    """What the database means by an error of its own. Nothing of its text is passed on."""
    if _GATE.search(text):
        return Unauthorised(
            f"{NAME}'s database does not let this connection write. Patterson must authorise it for this practice; "
            "then enter the authorisation on the PMS Connection page.",
            until_asked=True,
        )
    if _LOCKED.search(text):
        return Unavailable(
            f"Somebody has this record open in {NAME}. It will be tried again.", retry_after=BUSY_S
        )
    if state == "45000" or _RULE.search(text):
        return Refused(f"{NAME} refused this record by a rule of its own.", reason="a rule of the database")
    return None


DIALECT = Dialect(now=NOW, identity=IDENTITY, judge=judge)
