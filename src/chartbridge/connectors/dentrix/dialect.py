"""What only FairCom's c-treeSQL understands, or says in its own words. Tested as text: no such server is at hand.

Must not be in it: a statement that the common subset can say.
"""

from __future__ import annotations

import re

from chartbridge.connectors.by_odbc.database import Dialect
from chartbridge.connectors.dentrix.words import DATA_VERSION, NAME
from chartbridge.pms.errors import PmsError, Refused, Unauthorised, Unavailable
from chartbridge.transport.odbc import BUSY_S

NOW = "SELECT {{fn NOW()}} FROM {owner}.options o WHERE o.optionkey = ?"
"""The server's wall time: an escape of ODBC, in doubled braces, that the driver turns into its server's own words.

From a table, since c-treeSQL knows no SELECT without one.
"""

_TRIGGER = re.compile(r"-20148\b|trigger execution failed", re.IGNORECASE)
_DENIED = re.compile(r"-20228\b|access denied ?\(", re.IGNORECASE)
_LOCKED = re.compile(r"-17042\b|could not obtain [a-z ]*lock|deadlock|lock wait timeout", re.IGNORECASE)


def judge(state: str, text: str) -> PmsError | None:  # noqa: ARG001  a driver's own numbers say more than the state
    """What the database means by an error of its own. Nothing of its text is passed on."""
    if _LOCKED.search(text):
        return Unavailable(
            f"Somebody has this record open in {NAME}. It will be tried again.", retry_after=BUSY_S
        )
    if _TRIGGER.search(text):
        return Refused(
            f"{NAME} refused this record: one of its own checks (a trigger, -20148) did not accept it. Look whether "
            "the patient and the provider are complete there.",
            reason="a trigger of the database (-20148)",
        )
    if _DENIED.search(text):
        return Unauthorised(
            f"{NAME}'s database does not let this connection do that. Ask Henry Schein One whether this practice's "
            "program is registered for it.",
            until_asked=True,
        )
    return None


DIALECT = Dialect(now=NOW, now_args=(DATA_VERSION,), judge=judge)
