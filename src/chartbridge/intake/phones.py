"""Phone numbers as people write them → one form, in which they are kept.

Must not be in it: whose number it is.
"""

from __future__ import annotations

import re

import phonenumbers

REGION = "US"  # numbers written without a country: North America, where the three PMSs are sold
_ALLOWED = re.compile(r"[0-9+()\-. /\u00a0\u2010-\u2015]*(?:(?:ext\.?|x)\s*[0-9]{1,6})?", re.IGNORECASE)


def e164(text: str, region: str = REGION) -> str | None:
    """Return `+12025550123` for a number as written, or None if it isn't one. An extension is left out."""
    text = text.strip()
    if not _ALLOWED.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    # Not is_valid_number: it refuses numbers of ranges newer than the installed tables.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
