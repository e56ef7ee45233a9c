"""Looking something up in a template.

Must not be in it: words, looks.
"""

from __future__ import annotations

from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def of(held: Mapping[str, object], key: str) -> object:
    """Return `held[key]`, or nothing: `{{ providers|of:visit.provider_key }}`."""
    return held.get(key, "")
