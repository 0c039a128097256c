"""The canonical form of a value: spellings undone, padding and tokens cut."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable

import pytest

from weirlog.models.base64_text import BASE64_CHARACTERS, INFLATED
from weirlog.models.canonical import DECODED, LAYERS, OPAQUE_CHARACTERS, Canonicaliser


def canonical(value: str) -> str:
    return Canonicaliser().canonical(value)


@pytest.mark.parametrize(
    ("spelling", "form"),
    [
        ("%3Cscript%3E", "<script>"),
        ("%253Cscript%25253E", "<script>"),
        ("%2525253C", "%3c"),  # the fourth layer is more than any server undoes
        ("%u003Cscript%u003e", "<script>"),
        ("\\u003cscript\\x3e \\u{3C}", "<script> <"),
        ("&lt;script&gt; &#60 &#x3C; &#0000060;", "<script> < < <"),
        ("\\U0000003cscript\\U0001F600", "<script¤"),
        ("\\3c script\\00003e \\0047 C:\\3d\\models", "<script>' c:\\3d\\models"),
        ("&lpar;&colon;&NewLine;", "(:␊"),
        ("a&section=1&copy=2&lt", "a&section=1&copy=2<"),
        ("..%c0%af..%e0%80%af", "../../"),
        ("100%", "100%"),
        ("a+b", "a+b"),
        ("ＳＥＬＥＣＴ ＇", "select '"),
        ("scrıpt ſelect Kelvin", "script select kelvin"),
        ("café Łódź 中文 ٣½", "cafe øodz øø 31/2"),
        ("th’art “x” –", 'th\'art "x" -'),
        ("s\u200bcr\u00adipt", "script"),
        ("😀€", "¤¤"),
        ("a\r\nSet-Cookie:\tx", "a␍␊set-cookie: x"),
        ("%0d%0aX: y%00\x1b", "␍␊x: y␀␦"),
        ("a \t\u00a0\v b", "a b"),
        ("\u2028\x85", "␊␊"),
        ("\ud800", "¤"),
        ("&#1114112;&#xD800;&#0;", "¤¤␀"),
        ("$'\\143\\141t' \\9 \\400", "$'cat' \\9 \\400"),
        ("+ADw-script+AD4- +ADwAYQA+-, 1+Add +AB-", "<script> <a>, 1+add +ab-"),
        ("<\0a\0>\0", "<a>"),
        ("\0<\0a\0>", "<a>"),
        ("/x/<\0a\0>\0/\0y", "/x/<a>/y"),
        ("<\0\0\0a\0\0\0>\0\0\0", "<a>"),
        ("\0\0\0<\0\0\0a\0\0\0>", "<a>"),
        ("<\0\0\0\0a\0\0\0\0>\0\0\0\0", "<␀␀␀␀a␀␀␀␀>␀␀␀␀"),  # no encoding has so many
        ("a\0\0b", "a␀␀b"),
        ("嘊嘍嘼嘾", "␊␍<>"),
    ],
)
def test_spellings_are_undone(spelling: str, form: str) -> None:
    assert canonical(spelling) == form


@pytest.mark.parametrize("stand_in", ["␍", "␊", "␀", "␦", "⟦", "⟧"])
def test_a_stand_in_cannot_be_forged(stand_in: str) -> None:
    assert canonical(stand_in) == "¤"


def test_text_in_base64_is_shown_behind_it() -> None:
    encoded = base64.b64encode(b"<script>alert('x')</script>").decode()
    assert canonical(f"v={encoded};").endswith("⟦<script>alert('x')</script>⟧;")
    assert "⟦<script>" in canonical("/redirect/" + encoded.rstrip("="))
    assert canonical(base64.urlsafe_b64encode(b"<a>~~~ ???>>>").decode()).endswith("==⟦<a>~~~ ???>>>⟧")
    assert "⟦iex (curl x)⟧" in canonical(base64.b64encode("IEX (curl x)".encode("utf-16-le")).decode())


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_base64_within_a_text_in_base64_is_shown_behind_it() -> None:
    """Trackers send JSON in Base64, and a value of it may be in Base64 again."""
    inner = in_base64("<script>alert(1)</script>")
    assert canonical(in_base64(f'{{"page": "{inner}"}}')).endswith(
        '⟦{"page": "' + inner.lower() + '⟦<script>alert(1)</script>⟧"}⟧'
    )


def test_how_deep_base64_is_undone_is_bounded() -> None:
    value = "<script>alert(1)</script>"
    for _ in range(LAYERS + 1):
        value = in_base64(f"x = {value}")
    form = canonical(value)
    assert form.count("⟦") == LAYERS
    assert "<script>" not in form


def test_base64_behind_folders_is_told_from_them() -> None:
    """Folders are of the Base64 alphabet too; where their length is a multiple of four, a run goes on through them."""
    twice = in_base64(in_base64("{{config.items()}} or so"))
    for folders in ("/jobs/apply/", "/forum/post/", "/search/", "/abc/"):
        assert canonical(folders + twice).endswith("⟦{{config.items()}} or so⟧")


def test_other_scripts_in_base64_hide_nothing() -> None:
    assert canonical(in_base64("комментарий к заказу: <script>alert(1)</script>")).endswith(
        "<script>alert(1)</script>⟧"
    )


def test_text_in_base32_is_shown_behind_it() -> None:
    encoded = base64.b32encode(b"1' or 'a'='a").decode()
    assert "⟦1' or 'a'='a⟧" in canonical(encoded)
    assert canonical(encoded.rstrip("=")) == encoded.rstrip("=").lower() + "⟦1' or 'a'='a⟧"


@pytest.mark.parametrize("harmless", ["JBSWY3DPEHPK3PXP", "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U", "SPRINGSALE2026XX"])
def test_what_is_no_base32_text_stays_alone(harmless: str) -> None:
    """A secret for one-time passwords is random, or says a word without a sign."""
    assert canonical(harmless) == harmless.lower()


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, lambda text: zlib.compress(text, 1)])
def test_compressed_text_in_base64_is_shown_behind_it(compress: Callable[[bytes], bytes]) -> None:
    """Editors of diagrams put a whole one into a link, and so does an attacker."""
    encoded = base64.urlsafe_b64encode(compress(b"1' union select card from payments --")).decode()
    assert canonical(encoded).endswith("⟦1' union select card from payments --⟧")
    assert canonical(encoded.rstrip("=")).endswith("⟦1' union select card from payments --⟧")


def test_of_compressed_text_as_much_is_read_as_its_length_allows() -> None:
    bomb = base64.b64encode(zlib.compress(b"<a b='c'>" * 100_000)).decode()
    said = canonical(bomb).partition("⟦")[2]
    assert said.startswith("<a b='c'><a b='c'>")
    assert len(said) <= INFLATED * len(bomb) + 1


def test_base64_within_compressed_text_is_undone() -> None:
    encoded = base64.b64encode(zlib.compress(base64.b64encode(b"1' union select card from payments --"))).decode()
    assert canonical(encoded).endswith("⟦1' union select card from payments --⟧")


def test_of_compressed_text_the_compressed_text_within_is_left() -> None:
    """Each layer may be longer than the one around it: a line could ask for any depth, or for any length."""
    deep = base64.b64encode(b"1' union select card from payments --")
    for _ in range(20):
        deep = base64.b64encode(zlib.compress(deep))
    assert "union" not in canonical(deep.decode())
    bombs = b" ".join([base64.b64encode(zlib.compress(b"<a b='c'>" * 1000))] * 100)
    many = base64.b64encode(zlib.compress(bombs))
    assert len(canonical(many.decode())) <= (1 + INFLATED) * len(many) + len(DECODED)


def test_compressed_text_that_is_cut_short_is_read_as_far_as_it_goes() -> None:
    compressed = zlib.compress(b"1' union select card from payments where name = 'x' --")
    assert "⟦1' union select" in canonical(base64.b64encode(compressed[:36]).decode())


def test_base64_that_begins_as_compressed_text_does_and_is_none_says_nothing() -> None:
    assert "⟦" not in canonical(base64.b64encode(b"\x78\x9c" + bytes(range(200, 240))).decode())


def test_base64_of_base64_is_undone_as_one() -> None:
    encoded = b"<script>alert(1)</script>"
    for _ in range(3):
        encoded = base64.b64encode(encoded)
    assert canonical(encoded.decode()).endswith("⟦<script>alert(1)</script>⟧")


@pytest.mark.parametrize("written", ["0x{}", "{}"])
def test_text_in_hexadecimal_is_shown_behind_it(written: str) -> None:
    digits = written.format(b"1' or 'a'='a".hex())
    assert canonical(f"v={digits};") == f"v={digits}⟦1' or 'a'='a⟧;"
    assert canonical(digits.upper()).endswith("⟦1' or 'a'='a⟧")


def test_a_nul_in_hexadecimal_hides_nothing() -> None:
    assert canonical(b"/../etc/passwd\0.png".hex()).endswith("⟦/../etc/passwd␀.png⟧")
    assert canonical(b"%2e%2e%2fjob%2f".hex()).endswith("⟦../job/⟧")


@pytest.mark.parametrize(
    "harmless", ["2026272829203031", "6b6574746c652d303031", "3c73637269707", "d41d8cd98f00b204e9800998ecf8427e"]
)
def test_what_is_no_text_in_hexadecimal_stays_alone(harmless: str) -> None:
    assert canonical(harmless) == harmless


@pytest.mark.parametrize(
    "harmless", ["/api/v1/products/kettle-001", "ThisIsACamelCaseIdentifier", "550e8400-e29b-41d4-a716-446655440000"]
)
def test_what_is_no_base64_text_stays_alone(harmless: str) -> None:
    assert len(harmless) >= BASE64_CHARACTERS
    assert canonical(harmless) == harmless.lower()


def test_a_long_token_keeps_its_ends_alone() -> None:
    assert canonical("0123456789" * 4) == "01234567…6789"
    assert canonical("id=" + "Ab1_" * 20 + "--'") == "id=ab1_ab1_…_ab1--'".replace("_ab1--", "1_--")
    short = "0123456789" * 4
    assert canonical(short[1:]) == short[1:]
    assert len(short) == OPAQUE_CHARACTERS


@pytest.mark.parametrize("sign", list("'\"<>(){};=$|&`./\\ *,:@#%^~[]?!"))
def test_nothing_hides_in_a_long_token(sign: str) -> None:
    """Only letters, digits, `_` and `-` are left out; a sign anywhere in between stays."""
    assert sign in canonical("a1" * 30 + sign + "z2" * 30)


def test_padding_is_cut() -> None:
    assert canonical("A" * 5000 + "' or 1=1") == "a" * 16 + "' or 1=1"
    assert canonical("(" * 500 + ")") == "(" * 16 + ")"
    assert canonical("中" * 100) == "ø" * 16
    assert canonical("x" + " " * 5000 + "<") == "x <"


def test_base64_of_what_is_no_text_keeps_its_ends_alone() -> None:
    """An upload is no evidence of anything; what names its format, at its beginning, stays."""
    picture = base64.b64encode(bytes(range(7, 256, 3)) * 30).decode()
    assert canonical(picture) == f"{picture[:8].lower()}…{picture[-4:].lower()}"


def test_what_a_serialised_object_begins_with_stays_where_it_is_part_of_a_path() -> None:
    """What Java writes begins so; the folders before it are of the Base64 alphabet too."""
    object_ = "rO0ABXNyADJzdW4ucmVmbGVjdC5hbm5vdGF0aW9uLkFubm90YXRpb25JbnZvY2F0aW9uSGFuZGxlclXK9Q8Vy36lAgACTAAMbWVt"
    assert canonical(f"/api/v2/items/{object_}/edit") == "/api/v2/items/ro0abxny…edit"


@pytest.mark.parametrize(
    "value",
    [
        "/Users/Carl/Documents/Projects/2024/Invoices/Draft/Final/Version2/Report",
        "SELECT/**/password/**/FROM/**/users/**/WHERE/**/id=1/**/UNION/**/SELECT/**/1",
    ],
)
def test_paths_and_comments_are_not_taken_for_binary(value: str) -> None:
    assert "…" not in canonical(value)
