"""Text in Base64, Base32 or hexadecimal, where a run of letters and digits plainly says some."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Final

BASE64_CHARACTERS: Final = 16
"""The shortest run that is tried as Base64 or Base32."""
HEXADECIMAL_BYTES: Final = 8
"""The shortest run that is tried as hexadecimal, in bytes."""
INFLATED: Final = 4
"""What is compressed is read up to so many times the length of its run: a bomb costs no more than other text."""
BINARY_CHARACTERS: Final = 64
"""From this length a run of the Base64 alphabet that says no text, and mixes it as ciphers do, is cut to its ends."""

RUN: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{BASE64_CHARACTERS},}}={{0,2}}")
"""Of the Base64 alphabet."""
# Printable ASCII, tabs, newlines and NUL, byte by byte.
_HEXADECIMAL = re.compile(rf"[2-7][0-9a-fA-F](?:[2-7][0-9a-fA-F]|0[09aAdD]){{{HEXADECIMAL_BYTES - 1},}}+")
_BASE32 = re.compile(rf"[A-Z2-7]{{{BASE64_CHARACTERS},}}")
_SIGNS = re.compile(r"[+/_-]")
_LONG_PART = re.compile(rf"[^/]{{{BASE64_CHARACTERS}}}")
_URL_SAFE = str.maketrans("-_", "+/")
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_STRANGE = re.compile("[\0-\x08\v\f\x0e-\x1f\x7f\ufffd]")  # control characters, and what is no UTF-8
_CAPITALS, _SMALL, _DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz", b"0123456789"
# gzip (RFC 1952), and zlib at its four levels (RFC 1950).
_COMPRESSED = (b"\x1f\x8b\x08", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_TEXT_SIGNS = b" %<>'\"(){}[];=:/.,|&$\r\n"
_RUN_SIGNS = bytes(code if code in _CAPITALS + _SMALL + _DIGITS + b"+/_-" else ord(" ") for code in range(256))


def may_say_text(value: str) -> bool:
    """Return whether something in `value` is long enough for Base64 or hexadecimal, and looks like it."""
    return bool(_runs(value)) or _HEXADECIMAL.search(value) is not None


def says_nothing(value: str, lower: str) -> bool:
    """Return whether nothing in `value` says text or is binary; may say no where that is so. `lower` is it in lower case."""
    if _HEXADECIMAL.search(value) is not None:
        return False
    # Up to two `=` may follow that count towards what is binary.
    return value == lower or not any(
        len(run) + 2 >= BINARY_CHARACTERS or _run_text(run) is not None for run in _runs(value)
    )


def _runs(value: str) -> list[str]:
    """Return the runs that are long enough for Base64 and have a capital, without which one is taken for none."""
    runs = value.encode("ascii", "replace").translate(_RUN_SIGNS).split()
    return [run.decode("ascii") for run in runs if len(run) >= BASE64_CHARACTERS and not run.islower()]


def decoded(run: str) -> str | None:
    """Return the text that a run of the Base64 alphabet says in hexadecimal, or else in Base64 or Base32, or None."""
    said = [text for part in _SIGNS.split(run) if (text := _hexadecimal_text(part)) is not None]
    return " ".join(said) or _run_text(run)


def _run_text(run: str) -> str | None:
    """Return the text that a run of the Base64 alphabet says in Base64 or else in Base32, or None."""
    return _base64_text(run) or _base32_text(run)


def _hexadecimal_text(part: str) -> str | None:
    digits = part[2:] if part[:2] in {"0x", "0X"} else part
    if digits.isdigit() or _HEXADECIMAL.fullmatch(digits) is None:
        return None
    raw = bytes.fromhex(digits)
    return raw.decode("ascii") if _has_sign(raw) else None


def _base64_text(run: str) -> str | None:
    """Return the text that a run of the Base64 alphabet says, or None where it plainly says none.

    The run may be a path that ends in one: its folders, read as Base64, say something strange. Then what its parts between
    slashes say is taken, where they say something.
    """
    run = run.rstrip("=")
    whole = _base64_part(run)
    if "/" not in run or (whole is not None and _STRANGE.search(whole) is None):
        return whole
    parts = [part for part in run.split("/") if len(part) >= BASE64_CHARACTERS]
    return " ".join([text for part in parts if (text := _base64_part(part)) is not None]) or whole


def binary_start(run: str) -> int:
    """Return where in a run that is binary its first long part begins: before it stand a path's folders."""
    part = _LONG_PART.search(run)
    return part.start() if part is not None else 0


def is_binary(run: str) -> bool:
    """Return whether a run that says no text is Base64 all the same: a file, a picture, a cipher.

    In random Base64 two in five are capitals, as many small letters, a sixth digits; paths and names are far from that.
    """
    if len(run) < BINARY_CHARACTERS:
        return False
    raw = run.encode()
    capitals, small, digits = (len(raw) - len(raw.translate(None, kind)) for kind in (_CAPITALS, _SMALL, _DIGITS))
    return capitals * 5 >= len(raw) and small * 5 >= len(raw) and digits * 16 >= len(raw)


def _base64_part(part: str, *, inflate: bool = True) -> str | None:
    # Base64 within Base64 is shorter each time; what was inflated is longer, so that once is enough.
    # Without upper case every third byte of the text would lie in h…z: nobody's attack, and nearly every path.
    if len(part) < BASE64_CHARACTERS or len(part) % 4 == 1 or part == part.lower():
        return None
    raw = binascii.a2b_base64(part.translate(_URL_SAFE) + "=" * (-len(part) % 4))
    if inflate and raw.startswith(_COMPRESSED):
        raw = _inflated(raw, INFLATED * len(part)) or raw
        inflate = False
    if raw.count(0) * 2 == len(raw):  # UTF-16, as PowerShell's -EncodedCommand takes it
        raw = raw.replace(b"\0", b"")
    text = _plain_text(raw)
    if text is not None and RUN.fullmatch(text) is not None:
        within = _base64_part(text.rstrip("="), inflate=inflate)
        if within is not None:
            return within
    return text if text is not None and _has_sign(raw) else None


def _inflated(raw: bytes, limit: int) -> bytes:
    """Return the first `limit` bytes of what compressed bytes hold, or nothing where they are none."""
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(raw, limit)
    except zlib.error:
        return b""


def _base32_text(run: str) -> str | None:
    digits = run.rstrip("=")
    if _BASE32.fullmatch(digits) is None or len(digits) % 8 in {1, 3, 6}:
        return None
    raw = base64.b32decode(digits + "=" * (-len(digits) % 8))
    return _plain_text(raw) if _has_sign(raw) else None


def _plain_text(raw: bytes) -> str | None:
    """Return the text in UTF-8 that bytes are; one character in ten may be none that is written. None for other bytes."""
    text = raw.decode("utf-8", "replace")
    return text if len(_STRANGE.findall(text)) * 10 <= len(text) else None


def _has_sign(raw: bytes) -> bool:
    """Return whether bytes hold a sign: what holds none is a name."""
    return len(raw.translate(None, _TEXT_SIGNS)) < len(raw)


def utf_7_text(run: str) -> str | None:
    """Return the ASCII that a shifted run of UTF-7 says, or None where it says no such thing."""
    whole = len(run) * 6 // 16 * 2
    if len(run) % 4 == 1:
        return None
    raw = binascii.a2b_base64(run + "=" * (-len(run) % 4))
    if any(raw[whole:]) or any(raw[:whole:2]) or raw[1:whole:2].translate(None, _PRINTABLE):
        return None
    return raw[1:whole:2].decode("ascii")
