"""A practice on Dentrix's tables and views, to run on your own machine: on a MariaDB, behind its ODBC driver.

What was taken from where:

- **Public third-party code** (what works for its authors, no contract): names of views, tables and columns, the numbers
  of broken visits and of status -106, note type 49 with an entry's own number, contact types 3 and 5, that text is
  padded with blanks, that every table has `automodifiedtimestamp`, that a deleted visit is one of the history's, that
  triggers answer with -20148.
- **The vendor's help**: the statuses' texts as shipped, that a practice may change them.
- **Inferred**: widths that no source names, defaults, keys given by the database, which tables a view joins, kinds of
  staff and providers in an entry, that an unlicensed session is refused by right.
- **Not known**: indexes. Only what no program could do without is indexed here: keys, days, patients. No stamp is.
- **Not the vendor's**: people, providers, operatories, notes.

It never imports a connector.
"""

from chartbridge.sandbox.dentrix.knobs import DentrixKnobs
from chartbridge.sandbox.dentrix.practice import DentrixPractice

__all__ = ["DentrixKnobs", "DentrixPractice"]
