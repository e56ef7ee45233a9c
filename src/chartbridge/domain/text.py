"""Text as a chart can hold it: from HTML to lines, unholdable characters named, secret numbers masked.

Whatever people and programs send ends here before it is written into a chart, and what the PMS shows is compared
here with what was sent. Must not be in it: how a note is laid out (that is `notes`), a vendor's limits.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from html.parser import HTMLParser

import nh3

from chartbridge.domain.marker import ALPHABET, LENGTH, PREFIX

REPLACED = "\ufffd"
_TAGS = {
    "a", "img", "br", "hr", "p", "div", "section", "article", "header", "footer", "blockquote", "pre", "address",
    "table", "tr", "td", "th", "ul", "ol", "li", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6",
}  # fmt: skip
_NO_CONTENT = {"script", "style", "head", "title", "template", "noscript", "iframe", "object", "svg", "math"}
_PARAGRAPHS = {"p", "ul", "ol", "dl", "table", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"}
_LINES = _TAGS - _PARAGRAPHS - {"a", "img", "td", "th"}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>?")
_NEVER_DEEP = {
    "br", "hr", "img", "wbr", "input", "meta", "link", "base", "col", "area", "embed", "source", "track",  # empty
    "a", "p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "option",  # the next of its kind ends it
    "script", "style", "title", "iframe", "textarea", "xmp", "noembed", "noframes",  # hold no tags
}  # fmt: skip
_DEEPEST = 200
_INVISIBLE = re.compile(r"[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_LINE_ENDS = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_LONG_GAP = re.compile(r"\s{100,}")
_JOINERS = re.compile("[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_FLAG = re.compile("([\U0001f1e6-\U0001f1ff])([\U0001f1e6-\U0001f1ff])")
# Open Dental replaces \u2600-\u27FF by U+FFFD before it writes (SOut.StringScrub), so the BMP is not all holdable.
_NOT_BMP = re.compile("[\u2600-\u27ff\U00010000-\U0010ffff]")
_MARKER = re.compile(rf"(?i)\b{PREFIX[:-1]}-(?=[{ALPHABET}]{{{LENGTH}}})")


def clean(raw: str, *, is_html: bool, charset: str) -> str:
    """Return `raw` as plain lines that a PMS with this `charset` (bmp, unicode, latin1) can hold, secrets masked."""
    text = html_to_text(_whole(raw)) if is_html else raw
    return mask(holdable(tidy(text), charset))


@lru_cache(maxsize=64)  # read once where it is checked, then again where the writebacks are made of it
def html_to_text(html: str) -> str:
    """Return HTML as text: links with their address, lists with dashes, paragraphs and line breaks kept."""
    safe = nh3.clean(
        _shallow(html),
        tags=_TAGS,
        clean_content_tags=_NO_CONTENT,
        attributes={"a": {"href"}, "img": {"alt"}},
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel=None,
    )
    reader = _Reader()
    reader.feed(safe)
    reader.close()
    return reader.text()


def _shallow(html: str) -> str:
    """Return HTML without the tags beyond any depth that a person writes: a parser's work grows with its square."""
    open_tags: Counter[str] = Counter()
    depth = 0

    def keep(found: re.Match[str]) -> str:
        nonlocal depth
        closes, name = found[1], found[2].lower()
        if name in _NEVER_DEEP:
            return found[0]
        if closes:
            if open_tags[name]:
                open_tags[name] -= 1
                depth -= 1
            return found[0]
        if depth >= _DEEPEST:
            return "<br>" if name in _LINES or name in _PARAGRAPHS else ""
        open_tags[name] += 1
        depth += 1
        return found[0]

    return _TAG.sub(keep, html)


def tidy(text: str) -> str:
    """Return text without control characters, invisible marks or lone surrogates; only newlines end lines."""
    text = _LINE_ENDS.sub("\n", _whole(text)).replace("\t", " ")
    text = _CONTROL.sub(REPLACED, _INVISIBLE.sub("", text))
    text = _LONG_GAP.sub(" ", text)
    return "\n".join(line.rstrip() for line in text.split("\n")).strip()


def holdable(text: str, charset: str) -> str:
    """Return text whose characters the PMS keeps; what it can't hold stands by its name, `:grinning face:`."""
    if charset == "unicode":
        return text
    text = _FLAG.sub(lambda m: ":flag " + "".join(chr(ord(c) - 0x1F1E6 + 65) for c in m.groups()) + ":", text)
    if charset == "latin1":
        return "".join(c if _in_latin1(c) else _named(c) for c in _JOINERS.sub("", text))
    if not _NOT_BMP.search(text):
        return text
    return _NOT_BMP.sub(lambda m: _named(m.group()), _JOINERS.sub("", text))


def mask(text: str) -> str:
    """Return text in which card and social-security numbers keep only their last four digits."""
    text = _CARD.sub(_mask_card, text)
    text = _SSN.sub(_mask_digits, text)
    return _SSN_SAID.sub(lambda m: m.group(1) + "*" * 5 + m.group(2)[-4:], text)


def without_markers(text: str) -> str:
    """Return text in which no marker stands, so that a quoted note is never taken for the one that it quotes."""
    return _MARKER.sub(PREFIX[:-1] + " ", text)


def same_text(sent: str, shown: str) -> bool:
    """Whether the PMS shows what was sent, apart from what every PMS does to white space and line ends."""
    return _folded(sent) == _folded(shown)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _whole(text: str) -> str:
    """Join surrogate pairs and replace lone ones: a str from JSON may hold either."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _in_latin1(character: str) -> bool:
    """What SQL servers call latin1 is Windows-1252."""
    return len(character.encode("cp1252", "ignore")) == 1


def _named(character: str) -> str:
    if character == REPLACED:
        return "?"
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    return f":{name if name.startswith('U+') else name.lower()}:"


_CARD = re.compile(r"(?<![0-9])(?<![0-9][ -])(?:[0-9][ -]?){12,18}[0-9](?![0-9])(?![ -][0-9])")
_SSN = re.compile(
    r"(?<![0-9])(?<![0-9]-)(?!000|666|9[0-9]{2})[0-9]{3}([ -])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?!-?[0-9])"
)
_SSN_SAID = re.compile(r"(?i)(\b(?:ssn|social[ -]security)\b[^0-9\n]{0,20})(?<![0-9])([0-9]{9})(?![0-9])")
_ISSUERS: tuple[tuple[str, tuple[int, ...]], ...] = (
    (r"4", (13, 16, 19)),
    (r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)", (16,)),
    (r"3[47]", (15,)),
    (r"3(?:0[0-5]|[689])", (14, 16)),
    (r"6(?:011|5|4[4-9])|62|35(?:2[89]|[3-8])", (16, 17, 18, 19)),
)


def _mask_card(found: re.Match[str]) -> str:
    digits = re.sub(r"[^0-9]", "", found.group())
    issued = any(re.match(start, digits) and len(digits) in lengths for start, lengths in _ISSUERS)
    return _mask_digits(found) if issued and _luhn(digits) else found.group()


def _mask_digits(found: re.Match[str]) -> str:
    whole = found.group()
    return re.sub(r"[0-9]", "*", whole[:-4]) + whole[-4:]


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


class _Reader(HTMLParser):
    """Reads what nh3 left: only the tags that make lines, links and pictures' descriptions."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._href: list[tuple[str, int]] = []
        self._pre = 0
        self._at_line = True
        self._starts: dict[str, Callable[[dict[str, str | None]], None]] = {
            "a": self._open_link,
            "img": lambda found: self._put(found.get("alt") or ""),
            "li": lambda _: self._put("- " if self._at_line else "\n- "),
            "td": lambda _: self._put(" "),
            "th": lambda _: self._put(" "),
        }

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._pre += tag == "pre"
        if start := self._starts.get(tag):
            start(dict(attrs))
        else:
            self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._pre -= tag == "pre"
        if tag == "a":
            self._close_link()
        elif tag != "br":
            self._break(tag)

    def handle_data(self, data: str) -> None:
        self._put(data if self._pre else re.sub(r"[ \t\r\n\f]+", " ", data))

    def text(self) -> str:
        """What was read, with no line beginning or ending in a space and at most one empty line in a row."""
        lines = [line.strip(" ") for line in "".join(self._out).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ ]{2,99}", " ", "\n".join(lines))).strip()

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._put("\n\n")
        elif tag == "br" or (tag in _LINES and not self._at_line):
            self._put("\n")

    def _put(self, part: str) -> None:
        self._out.append(part)
        if part.strip(" "):
            self._at_line = part.endswith("\n")

    def _open_link(self, found: dict[str, str | None]) -> None:
        self._href.append((found.get("href") or "", len(self._out)))

    def _close_link(self) -> None:
        if not self._href:
            return
        href, start = self._href.pop()
        said = "".join(self._out[start:]).strip()
        address = re.sub(r"^(mailto|tel):", "", href)
        if address and address.rstrip("/") != said.rstrip("/"):
            self._put(f" ({address})" if said else address)
