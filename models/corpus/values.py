"""Ordinary values: names, numbers, addresses, tokens, sentences."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Final

from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.words import (
    ADJECTIVES,
    BRANDS,
    CITIES,
    EMOJI,
    FIRST_NAMES,
    LANGUAGES,
    LAST_NAMES,
    NOUNS,
    SMALL_WORDS,
    VERBS,
)

LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
DIGITS: Final = "0123456789"
ALPHANUMERIC: Final = LOWER + LOWER.upper() + DIGITS
HEXADECIMAL: Final = "0123456789abcdef"
BASE64_URL: Final = ALPHANUMERIC + "-_"
DEVELOPMENT_URLS: Final = 0.003
"""Share of addresses that point into the local network: as rare on a site as they are like a forged one."""
LIKE_OBJECTS: Final = 0.001
"""Share of tokens and of invented words that begin as serialised objects do, by chance: without case "gANj" begins names of towns."""
_OBJECTS: Final = ("rO0AB", "AAEAAAD", "gASV", "gAN9", "gANj", "gAJj", "BAhb", "Tzox", "YToy", "aced0005", "80049")
LIKE_MACHINES: Final = 0.01
"""Share of hosts whose names begin as those of machines do that forged addresses name: "international" as "internal"."""
_MACHINES: Final = (
    "international", "internet", "internist", "internat", "interne", "internship", "interno", "intra", "intranational", "local", "locale", "localfood", "localnews",
    "meta", "metadaten", "metal", "consulting", "consulado", "consulta", "vaulted", "rediscover", "redistribution", "dockyard", "docklands", "nexus",
    "administration", "administracion", "backenhof", "jenkinson", "elastica", "rabbits", "metrics", "privat", "gateways", "hosts", "loopback", "loop",
)  # fmt: skip
_TOP_LEVEL: Final = (
    "com",
    "com",
    "com",
    "org",
    "net",
    "io",
    "de",
    "fr",
    "co.uk",
    "es",
    "it",
    "dev",
    "app",
    "jp",
    "com.br",
)


def number(chance: Chance) -> str:
    """Return an identifier or an amount: mostly small, sometimes a timestamp, a fraction, signed."""
    match chance.number(0, 11):
        case 0 | 1 | 2:
            return str(chance.number(0, 20))
        case 3 | 4 | 5:
            return str(chance.number(1, 99_999))
        case 6:
            return str(chance.number(1_500_000_000_000, 1_800_000_000_000))
        case 7:
            return f"{chance.uniform(-200, 2000):.{chance.number(1, 6)}f}"
        case 8:
            return f"-{chance.number(1, 5000)}"
        case 9:
            return f"{chance.number(1, 900)},{chance.number(0, 99):02d}"
        case _:
            return str(chance.number(10**6, 10**10))


def invented(chance: Chance) -> str:
    """Return a pronounceable word that no dictionary has: brands, user names, slugs."""
    syllables = chance.number(1, 4)
    beginning = chance.pick(_OBJECTS)[: chance.number(2, 4)].lower() if chance.maybe(LIKE_OBJECTS) else ""
    return beginning + "".join(
        chance.pick(("b", "br", "c", "ch", "d", "f", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "qu", "r", "s",
                     "sh", "st", "t", "tr", "v", "w", "x", "y", "z", ""))
        + chance.pick(("a", "e", "i", "o", "u", "ai", "ea", "oo", "ie", "y"))
        + chance.pick(("", "", "n", "r", "s", "l", "t", "ck", "m"))
        for _ in range(syllables)
    )  # fmt: skip


def word(chance: Chance) -> str:
    match chance.number(0, 9):
        case 0 | 1 | 2 | 3:
            return chance.pick(NOUNS)
        case 4 | 5:
            return chance.pick(VERBS)
        case 6 | 7:
            return chance.pick(ADJECTIVES)
        case 8:
            return chance.pick(SMALL_WORDS)
    return invented(chance)


def name(chance: Chance) -> str:
    """Return a person's name, apostrophes and accents included."""
    first, last = chance.pick(FIRST_NAMES), chance.pick(LAST_NAMES)
    return chance.pick((first, last, f"{first} {last}", f"{last}, {first}", f"{first} {last[0]}.", f"{first} {last}"))


def slug(chance: Chance) -> str:
    joint = chance.pick("-----_.+ ")
    text = joint.join(word(chance) for _ in range(chance.number(1, 7)))
    return f"{text}{joint}{chance.number(1, 3000)}" if chance.maybe(0.3) else text


def token(chance: Chance) -> str:
    """Return an opaque value: digest, key, session, UUID, JWT, Base64."""
    if chance.maybe(LIKE_OBJECTS):
        beginning = chance.pick(_OBJECTS)
        alphabet = HEXADECIMAL if beginning.islower() or beginning.isdigit() else ALPHANUMERIC
        return beginning[: chance.number(1, 3)] + chance.letters(alphabet, 12, 80)
    match chance.number(0, 9):
        case 0 | 1:
            return str(uuid.UUID(int=chance.getrandbits(128), version=4))
        case 2:
            return chance.letters(HEXADECIMAL, 24, 64)
        case 3:
            return chance.letters(BASE64_URL, 8, 90)
        case 4:
            return json_web_token(chance)
        case 5:
            return base64.b64encode(chance.randbytes(chance.number(6, 120))).decode()
        case 6:
            return f"{chance.letters(LOWER, 2, 5)}_{chance.letters(ALPHANUMERIC, 16, 40)}"
        case 7:
            return base64.b64encode(sentence(chance).encode()).decode().rstrip("=" if chance.maybe(0.5) else "")
        case 8:
            return chance.letters(ALPHANUMERIC + "$./", 20, 60)
    return ".".join(chance.letters(ALPHANUMERIC, 2, 30) for _ in range(chance.number(2, 5)))


def json_web_token(chance: Chance) -> str:
    claims = {
        "sub": str(chance.number(1, 10**6)),
        "name": name(chance),
        "iat": chance.number(1_500_000_000, 1_900_000_000),
    }
    parts = (json.dumps({"alg": chance.pick(("HS256", "RS256")), "typ": "JWT"}), json.dumps(claims))
    encoded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, chance.letters(BASE64_URL, 43, 43)])


def host(chance: Chance) -> str:
    middle = chance.pick((word, invented))(chance)
    if chance.maybe(LIKE_MACHINES):
        middle = chance.pick(_MACHINES) + chance.pick(("", "", middle, f"-{middle}"))
    front = chance.pick(("", "", "www.", "api.", "cdn.", "shop.", "m.", f"{chance.pick(NOUNS)}."))
    return f"{front}{middle}.{chance.pick(_TOP_LEVEL)}"


def ip(chance: Chance) -> str:
    return ".".join(str(chance.number(1, 254)) for _ in range(4))


def email(chance: Chance) -> str:
    local = chance.pick((invented, word, name))(chance).lower().replace(" ", chance.pick("._-")).replace(",", "")
    local += chance.pick(("", "", "", "+news", ".1", "99"))
    return f"{local}@{host(chance)}"


def file_path(chance: Chance) -> str:
    """Return a file as people name it, on any system."""
    parts = [word(chance) for _ in range(chance.number(1, 4))]
    ending = chance.pick(
        ("jpg", "png", "pdf", "css", "js", "html", "txt", "json", "xml", "svg", "php", "docx", "tar.gz")
    )
    file = f"{slug(chance)}.{ending}"
    match chance.number(0, 7):
        case 0:
            return "C:\\Users\\" + "\\".join([*parts, file])
        case 1:
            return "./" + "/".join([*parts, file])
        case 2:
            return "../" + file
        case 3:
            return "/" + "/".join(
                [chance.pick(("usr/local", "var/www", "home/" + parts[0], "opt", "tmp", "srv")), file]
            )
        case 4:
            return file
    return "/".join([*parts, file])


def date(chance: Chance) -> str:
    year, month, day = chance.number(1950, 2031), chance.number(1, 12), chance.number(1, 28)
    hour, minute, second = chance.number(0, 23), chance.number(0, 59), chance.number(0, 59)
    return chance.pick(
        (
            f"{year}-{month:02}-{day:02}",
            f"{day:02}/{month:02}/{year}",
            f"{day}.{month}.{year}",
            f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{chance.number(0, 999):03}Z",
            f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}",
            f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+0{chance.number(0, 9)}:00",
            f"{hour:02}:{minute:02}",
        )
    )


def development_url(chance: Chance) -> str:
    """Return an address as developers have them in redirects and referrers: this machine, the local network."""
    machine = chance.pick(
        ("localhost", "localhost", "127.0.0.1", f"192.168.{chance.number(0, 9)}.{chance.number(2, 250)}")
    )
    port = chance.pick((3000, 4200, 5000, 5173, 8000, 8002, 8080, 8081, 8086, 8888, 9000))
    path = "/".join(chance.pick((word, invented, number))(chance) for _ in range(chance.number(0, 3)))
    query = f"?{chance.pick(NOUNS)}={word(chance)}" if chance.maybe(0.4) else ""
    return f"http://{machine}:{port}/{path}{query}"


def url(chance: Chance) -> str:
    path = "/".join(slug(chance).replace(" ", "-") for _ in range(chance.number(0, 3)))
    ending = chance.pick(("", "", ".html", ".php", "/", ".aspx", ".jpg"))
    if chance.maybe(DEVELOPMENT_URLS):
        return development_url(chance)
    address = f"{chance.pick(('https', 'https', 'https', 'http'))}://{host(chance)}/{path}{ending if path else ''}"
    if chance.maybe(0.4):
        pairs = [f"{chance.pick(NOUNS)}={plain_value(chance)}" for _ in range(chance.number(1, 4))]
        address += "?" + chance.pick(("&", "&", "&amp;")).join(pairs).replace(" ", chance.pick(("+", "%20")))
    return address + (f"#{slug(chance)}" if chance.maybe(0.1) else "")


def plain_value(chance: Chance) -> str:
    return chance.pick((word, word, number, number, slug, token, invented, date))(chance)


def foreign_words(chance: Chance) -> str:
    words = LANGUAGES[chance.pick(tuple(LANGUAGES))]
    joint = "" if ord(words[0][0]) > 0x2E80 and chance.maybe(0.7) else " "
    return joint.join(chance.choices(words, k=chance.number(1, 12)))


def sentence(chance: Chance) -> str:
    """Return prose-like words; one in five is in another language."""
    if chance.maybe(0.2):
        return foreign_words(chance) + chance.pick((".", "", "!", "?", "。"))
    pools = (NOUNS, VERBS, ADJECTIVES, SMALL_WORDS, SMALL_WORDS, SMALL_WORDS)
    words = [chance.pick(chance.pick(pools)) for _ in range(chance.number(2, 14))]
    if chance.maybe(0.1):
        words[-1] = invented(chance)
    if chance.maybe(0.12):
        quote = chance.pick(("'", '"', "“", "`", "(", "*", "**", "_"))
        place = chance.number(0, len(words) - 1)
        words[place] = quote + words[place] + {"“": "”", "(": ")"}.get(quote, quote)
    if chance.maybe(0.15):
        words.insert(chance.number(0, len(words)), chance.pick((name, number, date))(chance))
    if chance.maybe(0.25):
        place = chance.number(0, len(words) - 1)
        words[place] += chance.pick((",", ";", ":", " -", " –", " &", " /", "...", " =", " >", " <", "'s", "%", ","))
    text = " ".join(words)
    return (text[0].upper() + text[1:]) + chance.pick((".", ".", "", "!", "?", "...", "?!", " " + chance.pick(EMOJI)))


def paragraph(chance: Chance) -> str:
    joint = chance.pick((" ", " ", "\n", "\n\n", "\r\n", "<br>", "\t"))
    return joint.join(sentence(chance) for _ in range(chance.number(2, 7)))


def search(chance: Chance) -> str:
    """Return what people type into a search box, operators and typing errors included."""
    words = [word(chance) for _ in range(chance.number(1, 5))]
    plain = " ".join(words)
    match chance.number(0, 12):
        case 0:
            return f'"{plain}"'
        case 1:
            return f"{words[0]} OR {words[-1]}"
        case 2:
            return f"{words[0]} AND {words[-1]}"
        case 3:
            return f"{words[0]} -{words[-1]}"
        case 4:
            return f"({words[0]} OR {words[-1]}) AND {chance.pick(NOUNS)}"
        case 5:
            return f"{chance.pick(NOUNS)}:{words[0]} {plain}"
        case 6:
            return f"{plain} {chance.pick(('<', '>', '<=', 'under', '≥'))} {chance.pick('$€£')}{chance.number(1, 999)}"
        case 7:
            return plain + chance.pick("*?%;'/~=\\")
        case 8:
            return name(chance)
        case 9:
            return f"{chance.pick(BRANDS)} {chance.number(1, 40)}" + chance.pick(('"', "mm", "'", "GB", " inch", "x20"))
        case 10:
            return foreign_words(chance)
    return plain.replace(" ", chance.pick((" ", " ", "+")))


def address(chance: Chance) -> str:
    street = chance.pick(
        (f"{chance.number(1, 999)} {chance.pick(LAST_NAMES)} Street", f"c/ {chance.pick(NOUNS)}, {chance.number(1, 99)} 2ºB",
         f"{chance.pick(LAST_NAMES)}straße {chance.number(1, 99)}", f"{chance.number(1, 99)}, rue de l'{invented(chance)}",
         f"Apt #{chance.number(1, 99)}; {chance.pick(CITIES)} Rd.")
    )  # fmt: skip
    return f"{street}, {chance.number(1000, 99999)} {chance.pick(CITIES)}"


def phone(chance: Chance) -> str:
    return chance.pick(("+{} ({}) {}-{}", "+{}{}{}{}", "0{}-{}{}{}", "({}) {}/{}.{}")).format(
        chance.number(1, 99), chance.number(10, 999), chance.number(100, 999), chance.number(100, 9999)
    )


def password(chance: Chance) -> str:
    """Return a password as a generator or a person makes it: any printable character may stand in it."""
    if chance.maybe(0.4):
        signs = "!\"#$%&'()*+,-./:;<=>?@[]^_{|}~"
        return chance.letters(ALPHANUMERIC * chance.number(1, 3) + signs, 6, 20)
    return f"{word(chance).title()}{chance.pick(('', '!', '#', '$$', '@', '1', chr(39)))}{chance.number(1, 2030)}"


def json_text(chance: Chance) -> str:
    """Return a JSON document as the text of a value."""
    document = {
        chance.pick(NOUNS): chance.pick((word, number, sentence, token, url))(chance)
        for _ in range(chance.number(1, 5))
    }
    return json.dumps(chance.pick((document, [document], {"filter": document, "limit": 20}, [1, 2, 3], list(document))))


def coordinates(chance: Chance) -> str:
    return f"{chance.uniform(-90, 90):.5f},{chance.uniform(-180, 180):.5f}"


def version(chance: Chance) -> str:
    return chance.pick(("", "v")) + ".".join(str(chance.number(0, 30)) for _ in range(chance.number(2, 4)))


def choice(chance: Chance) -> str:
    return chance.pick(
        ("true", "false", "on", "off", "1", "0", "yes", "no", "asc", "desc", "all", "none", "null", "undefined", "en",
         "en-US", "de_DE", "application/json", "image/*", "*", "*/*", "-", "name asc", "created_at desc", "id,name,email",
         "-price", "+date", "a=1", "page[size]", "GET", "POST", "select", "union", "order by", "admin", "root", "guest",
         "test", "NaN", "#", "#fff", "rgba(0,0,0,0.5)", "1024x768", "width=device-width, initial-scale=1", "main", "eur",
         "UTC", "Europe/Berlin", "lt", "gte", "contains", "sysdate", "version()", "N/A", "?", "..", "", "", " ")
    )  # fmt: skip
