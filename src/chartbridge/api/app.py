"""The API as one thing: its addresses, its way in, its failures. OpenAPI at /api/v1/openapi.json.

No page of documentation is served: the usual one loads its scripts from elsewhere. docs/api.md has examples.
"""

from __future__ import annotations

from ninja import NinjaAPI

from chartbridge import __version__
from chartbridge.api import activities, changes, charts, errors, metrics, reconciliation, settings, work
from chartbridge.api.access import Bearer

api = NinjaAPI(
    title="Chartbridge",
    version=__version__,
    description="Hand in what happened with patients, follow it into the chart, read the practice's day.",
    urls_namespace="api",
    auth=Bearer(),
    docs_url=None,
)
errors.install(api)
for each in (activities, charts, work, reconciliation, settings, changes, metrics):
    api.add_router("", each.router)
