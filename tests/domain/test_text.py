from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartbridge.domain.text import clean, html_to_text, mask, same_text, without_markers


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hi <b>Ann</b>,</p><p>bye</p>", "Hi Ann,\n\nbye"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("one<br><br>two", "one\n\ntwo"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        ('<a href="https://x.org/?a=1&amp;b=2">Form</a>', "Form (https://x.org/?a=1&b=2)"),
        ('<a href="https://x.org">https://x.org</a>', "https://x.org"),
        ('<a href="javascript:alert(1)">click</a>', "click"),
        ('<a href="mailto:a@b.org">a@b.org</a>', "a@b.org"),
        ("<script>alert(1)</script><style>p{}</style>text", "text"),
        ("3 &lt; 4 &amp;&nbsp;5", "3 < 4 &\xa05"),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ('<img src=x alt="tooth"> ok', "tooth ok"),
        ("<pre>a\n  b</pre>", "a\n  b".replace("\n  ", "\n")),
    ],
)
def test_html_becomes_lines(html: str, text: str) -> None:
    assert html_to_text(html) == text


def test_a_pathological_mail_does_not_hold_up_the_desk() -> None:
    began = time.perf_counter()
    assert clean("<div>" * 20_000 + "end" + "<a href=x>" * 5_000, is_html=True, charset="bmp").startswith(
        "end"
    )
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("😀", ":grinning face:"),
        ("👍🏽", ":thumbs up sign:"),
        ("✅ done", ":white heavy check mark: done"),
        ("❤️", ":heavy black heart:"),
        ("🇺🇸", ":flag US:"),
        ("O’Brien – 李 ñ “q”", "O’Brien – 李 ñ “q”"),
        ("𝒜", ":mathematical script capital a:"),
        ("a\x00b\x07c", "a\ufffdb\ufffdc"),
        ("a\ud800b", "a\ufffdb"),
        ("a\ud83d\ude00b", "a:grinning face:b"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\u202eb\u200bc", "abc"),
        ("a" + " " * 150 + "b", "a b"),
        ("a" + "\n" * 150 + "b", "a b"),
        ("a\tb   ", "a b"),
        ("\U000e0001", ":language tag:"),
    ],
)
def test_what_a_bmp_pms_cant_hold_stands_by_its_name(raw: str, text: str) -> None:
    assert clean(raw, is_html=False, charset="bmp") == text


def test_a_latin1_pms_gets_only_what_it_holds() -> None:
    assert clean("Zoë 李 € 😀 ’", is_html=False, charset="latin1") == (
        "Zoë :cjk unified ideograph-674e: € :grinning face: ’"
    )


def test_a_unicode_pms_keeps_emoji() -> None:
    assert clean("👨‍👩‍👧 ✅", is_html=False, charset="unicode") == "👨‍👩‍👧 ✅"


@given(
    st.text(alphabet=st.characters(codec=None), max_size=200), st.sampled_from(["bmp", "latin1", "unicode"])
)
def test_any_text_ends_as_something_that_can_be_stored(raw: str, charset: str) -> None:
    for is_html in (False, True):
        text = clean(raw, is_html=is_html, charset=charset)
        text.encode("utf-8")
        assert "\x00" not in text
        assert "\r" not in text
        if charset == "bmp":
            assert all(ord(c) < 0x10000 and not 0x2600 <= ord(c) <= 0x27FF for c in text)
        if charset == "latin1":
            text.encode("cp1252")


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        ("card 4111 1111 1111 1111 ok", "card **** **** **** 1111 ok"),
        ("4111-1111-1111-1111", "****-****-****-1111"),
        ("4111111111111111", "************1111"),
        ("amex 378282246310005", "amex ***********0005"),
        ("378282246310005.", "***********0005."),
        ("4111 1111 1111 1112", "4111 1111 1111 1112"),
        ("call (536) 555-0101 or +1 536 555 0101", "call (536) 555-0101 or +1 536 555 0101"),
        ("ssn 123-45-6789", "ssn ***-**-6789"),
        ("SSN: 123456789", "SSN: *****6789"),
        ("social security 123 45 6789", "social security *** ** 6789"),
        ("000-12-3456 and 900-12-3456", "000-12-3456 and 900-12-3456"),
        ("member 123456789", "member 123456789"),
        ("on 2026-11-03 at 12:30", "on 2026-11-03 at 12:30"),
    ],
)
def test_card_and_social_security_numbers_keep_their_last_four(raw: str, masked: str) -> None:
    assert mask(raw) == masked


def test_a_quoted_marker_is_no_marker() -> None:
    assert without_markers("see CB-7K2QM9XD, cb-7k2qm9xd") == "see CB 7K2QM9XD, CB 7k2qm9xd"


@pytest.mark.parametrize(
    ("sent", "shown", "same"),
    [
        ("a\nb", "a\r\nb", True),
        ("a\nb", "a  b", True),
        ("a  b ", " a b", True),
        ("Zoe\u0308", "Zoë", True),
        ("a b", "ab", False),
        ("😀", "?", False),
        ("abcdef", "abc", False),
    ],
)
def test_texts_are_compared_as_every_pms_stores_them(sent: str, shown: str, same: bool) -> None:
    assert same_text(sent, shown) is same


@pytest.mark.parametrize(
    "piece",
    [
        "<div>", "<b id={n}><p>", "<ul><li>", "<table>", "<table><tr><td>", "<b></i>", "<p>", "<svg>", "<object>",
        "<template>", "<select>", "<blockquote>x", "<div", "<!--", "<a href=x>", "<b><div></b>", "<h1>", "<math><mi>",
        "<div><table></div></table>", "<section><p></section>", "<button>", "<form>", "<noscript>", "<dl><dd>",
    ],
)  # fmt: skip
def test_no_html_is_slow_to_read(piece: str) -> None:
    html = "".join(piece.replace("{n}", str(n)) for n in range(190_000 // len(piece)))[:200_000]
    began = time.thread_time()
    html_to_text(html + "end")
    assert (
        time.thread_time() - began < 2.5
    )  # the first of these once took 4 s, and four times as long at twice the length


def test_lines_of_html_stay_lines_however_deep_it_is() -> None:
    lines = [f"line {n}" for n in range(1000)]
    assert html_to_text("".join(f"<div>{line}" for line in lines)).split("\n") == lines
    table = "<table><tr><td>" * 60 + "deep" + "</td></tr></table>" * 60 + "<p>after</p>"
    assert html_to_text(table) == "deep\n\nafter"
