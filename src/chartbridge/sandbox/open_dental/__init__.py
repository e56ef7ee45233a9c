"""A practice on Open Dental, to run on your own machine: its API service over its tables.

What was taken from where:

- **The vendor's public source 24.3** (facts only, no code): tables, columns, types, keys and defaults (base schema
  of 21.1 with the published conversion steps up to 24.3.10), enum numbers, default definitions and preferences,
  which rows the program writes for an action and in what order, the hash of an audit line, file names and
  folders of documents, how an uploaded document is kept until somebody opens it.
- **The vendor's API pages**: addresses, verbs, required fields, JSON shapes and their oddities, status codes, paging
  limits, permission groups, the version in which a method was added, the throttle's numbers.
- **Inferred** (nobody outside the vendor knows): how the throttle answers (429 with Retry-After), the wording of error
  texts, the shapes of signals, preferences, users, plans and carriers, that the API leaves the same signals and
  history as the program does, which line ends become how many spaces, what 25.4's new columns default to.
- **Not the vendor's**: SecurityHash (salted in a closed part; the sandbox writes a stand-in that starts with
  `sandbox-`), people, providers, carriers, papers.

It never imports a connector: it's written from the same facts, by another hand.
"""

from chartbridge.sandbox.open_dental.control import RemoteKnobs
from chartbridge.sandbox.open_dental.database import create_reader
from chartbridge.sandbox.open_dental.knobs import Knobs, Truth
from chartbridge.sandbox.open_dental.sandbox import Sandbox

__all__ = ["Knobs", "RemoteKnobs", "Sandbox", "Truth", "create_reader"]
