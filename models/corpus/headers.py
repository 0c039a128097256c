"""Headers of harmless requests. Few hold a character that a model is shown a header for; those few are of many kinds."""

from __future__ import annotations

import json
import uuid
from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.grammar import Chance

ODD_AGENTS: Final = 0.06
"""Share of user agents with characters that a model is shown; far more than on a site, for each is a way to be mistaken."""
ODD_HEADERS: Final = 0.05

_AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/8.5.0", "okhttp/4.12.0", "python-requests/2.32.3",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Dart/3.4 (dart:io)", "kube-probe/1.29", "PostmanRuntime/7.39.0", "Go-http-client/1.1",
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A.240405.002)", "MyApp/3.2.1 (com.example.app; build:118; iOS 17.5.1) Alamofire/5.9.1",
)  # fmt: skip
_TOOLBARS: Final = (
    "SV1", "InfoPath.1", "InfoPath.2", "InfoPath.3", ".NET4.0C", ".NET4.0E", "Media Center PC 6.0", "Tablet PC 2.0", "WOW64", "SLCC1", "SLCC2", "FunWebProducts",
    "GTB6.5", "GTB7.1", "MS-RTC LM 8", "OfficeLiveConnector.1.3", "Zune 4.0", "BTRS", "chromeframe/24.0", "BRI/2", "Creative AutoUpdate v1.40", "AskTbORJ/5.14", "MSN 9.0;MSN 9.1", "Win64; x64",
    "Alexa Toolbar", "Dealio Deskball 3.0", "Hotbar 10.2", "yie8", "EasyBits GO v1.0", "Maxthon 2.0", "360SE", "TencentTraveler 4.0", "QQDownload 718", "SE 2.X MetaSr 1.0", "AskTB5.6", "Foxy/1",
)  # fmt: skip


def user_agent(chance: Chance) -> str:
    """Return a user agent; one in some with braces, quotes, equals signs or long lists of a browser's additions."""
    if not chance.maybe(ODD_AGENTS):
        return chance.pick(_AGENTS)
    version, build = values.version(chance), chance.number(100, 99_999)
    product = values.invented(chance).title()
    match chance.number(0, 9):
        case 0 | 1 | 2 | 3:
            return _with_additions(chance)
        case 4:
            return f"{product}/{version} (model={values.word(chance)}; id={chance.letters(values.HEXADECIMAL, 8, 32)}; os={version})"
        case 5:
            return f"{chance.pick(_AGENTS)} {product}/{version} [{values.word(chance)}|{build}|{values.word(chance)}]"
        case 6:
            return chance.pick(('"{}"', "'{}'", "User-Agent: {}", "<{}>", "{} - {{}}")).format(chance.pick(_AGENTS))
        case 7:
            return f"{product} {version} {json.dumps({'os': 'iOS', 'build': build, 'lang': values.choice(chance)})}"
        case 8:
            return f"{product}/{version} ({values.url(chance)}; {values.email(chance)}; {values.sentence(chance)})"
    return f"%s/{version} ({product} ${{project.version}}) & {values.name(chance)}'s {values.word(chance)}"


def _with_additions(chance: Chance) -> str:
    """Return what Internet Explorer called itself when every toolbar wrote its own name, or a number, into it."""
    additions = chance.some(_TOOLBARS, 0, 9)
    additions += [
        f".NET CLR {chance.number(1, 4)}.{chance.number(0, 5)}.{chance.number(2000, 60_000)}"
        for _ in range(chance.number(0, 5))
    ]
    for _ in range(chance.number(0, 2)):
        additions.append(f"{{{str(uuid.UUID(int=chance.getrandbits(128))).upper()}}}")
    if chance.maybe(0.2):
        additions.append(f"{values.word(chance).title()}={values.word(chance)}")
    chance.shuffle(additions)
    system = chance.pick(
        ("Windows NT 5.1", "Windows NT 6.0", "Windows NT 6.1", "Windows 98", "Windows NT 5.0", "Windows NT 10.0")
    )
    front = f"Mozilla/{chance.pick(('4.0', '5.0'))} (compatible; MSIE {chance.number(5, 10)}.0; {system}"
    return "; ".join([front, *additions]) + chance.pick((")", ")", ";)", ") Opera 8.50", " )"))


def odd_header(chance: Chance) -> tuple[str, str]:
    """Return the name and value of a header with quotes, braces or angle brackets in ordinary use."""
    word, host, number = values.word(chance), values.host(chance), chance.number(1, 99_999)
    return chance.pick(
        (
            ("content-disposition", f'attachment; filename="{values.file_path(chance)}"'),
            (
                "content-type",
                f'multipart/related; boundary="{chance.letters(values.ALPHANUMERIC, 10, 40)}"; type="text/xml"',
            ),
            ("soapaction", f'"http://{host}/{word}#{values.invented(chance).title()}"'),
            ("forwarded", f'for="[2001:db8::{number % 9999}]:{number}";proto=https;host="{host}"'),
            ("link", f'<https://{host}/{word}>; rel="preload"; as="style"'),
            ("warning", f'110 {host} "Response is stale"'),
            (
                f"x-{word}",
                json.dumps({values.word(chance): values.plain_value(chance) for _ in range(chance.number(1, 4))}),
            ),
            ("x-device-info", f"{{{word}: {number}, {values.word(chance)}: '{values.word(chance)}'}}"),
            ("baggage", f"sentry-release={word}%40{values.version(chance)},sentry-user={{id:{number}}}"),
            (
                "referer",
                f"https://{host}/search?q=%22{word}+{values.word(chance)}%22&{values.word(chance)}={{{word}}}|{number}",
            ),
            ("referer", f"https://www.google.com/search?q={values.search(chance)}"),
            ("x-forwarded-for", f"'{values.ip(chance)}', \"unknown\""),
            ("accept", f'application/json; profile="https://{host}/{word}"'),
            ("origin", f"capacitor://{{{values.token(chance)[:20]}}}"),
            ("from", f'"{values.name(chance)}" <{values.email(chance)}>'),
            ("user", f"{values.name(chance)} <{values.email(chance)}>"),
        )
    )
