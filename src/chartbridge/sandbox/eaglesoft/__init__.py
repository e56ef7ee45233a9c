"""A practice on Eaglesoft's tables, to run on your own machine: on a MariaDB, behind its ODBC driver.

What was taken from where:

- **Public third-party code** (what works for its authors, no contract): names of tables and columns, the numbers of
  confirmation statuses, classification 2 and 16, chair -1, arrival status 4, which columns of a note are set to what,
  that a status goes with a row of `appt_log`, that notes and documents get their number from the database.
- **The database vendor's pages**: that a session which is not authenticated may read and not write, and must run one
  statement first (`connection_authentication`). The sandbox's gate does the same with a statement of its own.
- **Inferred**: widths of columns that no source names, defaults, indexes, that a rule of the database answers with an
  error of its own, that tables are changed one after the other during an update.
- **Not the vendor's**: people, providers, chairs, notes.

It never imports a connector.
"""

from chartbridge.sandbox.eaglesoft.knobs import EaglesoftKnobs
from chartbridge.sandbox.eaglesoft.practice import EaglesoftPractice

__all__ = ["EaglesoftKnobs", "EaglesoftPractice"]
