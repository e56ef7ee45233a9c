"""Small pieces of the pages' look that templates ask for: icons, initials, how long ago.

Must not be in it: queries, a page's own subject.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache

import lucide
from django import template
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext

register = template.Library()

_BRIDGE = (
    '<svg class="lucide" width="{size}" height="{size}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
    'stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M2 18h20"/>'
    '<path d="M2 18v-2a10 10 0 0 1 20 0v2"/><path d="M7 18v-7.6"/><path d="M12 18V6"/><path d="M17 18v-7.6"/></svg>'
)


@register.simple_tag
def icon(name: str, size: int = 20) -> SafeString:
    """Return a Lucide icon that screen readers pass over; `bridge` is our own mark."""
    if name == "bridge":
        return mark_safe(_BRIDGE.format(size=int(size)))  # noqa: S308, our own drawing
    return _lucide(str(name), int(size))


@cache
def _lucide(name: str, size: int) -> SafeString:
    drawn = lucide._render_icon(name, size, **{"class": "lucide", "aria-hidden": "true"})
    return mark_safe(drawn)  # noqa: S308, the library's own drawing


@register.filter
def initials(name: str) -> str:
    """Return at most two first letters: "Ann-Marie O'Brien" gives AO."""
    words = [word for word in str(name).replace(",", " ").split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


@register.filter
def ago(moment: datetime | None) -> str:
    """Return "12 s ago", "4 min ago", "3 h ago", "2 days ago", or "never"."""
    if moment is None:
        return gettext("never")
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    if seconds < 60:
        return gettext("%(n)d s ago") % {"n": seconds}
    if seconds < 3600:
        return gettext("%(n)d min ago") % {"n": seconds // 60}
    if seconds < 86400:
        return gettext("%(n)d h ago") % {"n": seconds // 3600}
    days = seconds // 86400
    return ngettext("%(n)d day ago", "%(n)d days ago", days) % {"n": days}


@register.filter
def waited(moment: datetime) -> str:
    """Return how long since then: "12 s", "4 min", "3 h", "2 days"."""
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    if seconds < 60:
        return gettext("%(n)d s") % {"n": seconds}
    if seconds < 3600:
        return gettext("%(n)d min") % {"n": seconds // 60}
    if seconds < 86400:
        return gettext("%(n)d h") % {"n": seconds // 3600}
    days = seconds // 86400
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


@register.filter
def lag(milliseconds: int | None) -> str:
    """Return a lag for people: "–", "80 ms", "7.4 s", "3 min"."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return gettext("%(n)d ms") % {"n": milliseconds}
    if milliseconds < 120_000:
        return gettext("%(n).1f s") % {"n": milliseconds / 1000}
    return gettext("%(n)d min") % {"n": round(milliseconds / 60_000)}
