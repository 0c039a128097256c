"""Which names of parameters, headers and JSON keys hold secrets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

WHOLE = frozenset(
    {
        *("password", "passwd", "passphrase", "passcode", "pass", "pwd", "pw"),
        *("token", "jwt", "secret", "credential", "cred", "authorization", "authentication", "auth", "bearer"),
        *("cookie", "session", "sessid", "apikey", "accesskey", "privatekey", "secretkey", "signingkey", "sshkey"),
        *("otp", "totp", "pin", "pincode", "cvv", "cvv2", "cvc", "cvc2", "ssn", "iban"),
        *("socialsecurity", "cardnumber", "cardnum", "cardno", "creditcard", "ccnumber", "ccnum", "pan"),
    }
)
"""Each is a word of a name, or several in a row written as one: "card_number", "cardNumber" and "Card-Number"."""

ENDINGS = ("password", "passwd", "passphrase", "secret", "token", "apikey", "sessionid", "sessid", "credential")
"""Long enough to mean what they say at the end of a word that has no seams: "accesstoken", "PHPSESSID"."""

EXAMINED_CHARS = 200
MOST_WORDS = 4

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+|\d+")


class SensitiveNames:
    """Knows sensitive names: case and separators do not matter, words do ("pin" is one, "spinner" is not).

    Args:
        extra: further names, matched in the same way.
    """

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._whole = WHOLE | {joined for name in extra if (joined := "".join(_words(name)))}
        # A log repeats its names; 2,000 of at most 200 characters are half a megabyte.
        self._decide = lru_cache(maxsize=2_000)(self._is_sensitive)

    def __contains__(self, name: object) -> bool:
        """Whether what `name` stands for is to be hidden; looks at its first 200 characters."""
        return self._decide(str(name)[:EXAMINED_CHARS])

    def _is_sensitive(self, name: str) -> bool:
        words = _words(name)
        if any(word.endswith(ENDINGS) for word in words):
            return True
        return any(
            "".join(words[start : start + length]) in self._whole
            for start in range(len(words))
            for length in range(1, MOST_WORDS + 1)
        )


def _words(name: str) -> list[str]:
    if "%" in name:
        name = unquote(name)
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
    return [_singular(word.casefold()) for word in _WORD.findall(name)]


def _singular(word: str) -> str:
    # "passwords" and "tokens", but "pass" stays.
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
