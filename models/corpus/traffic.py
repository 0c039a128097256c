"""Labelled synthetic traffic: harmless values and attacks put into the same requests by the same procedure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.attacks import KINDS, attack_kind, attack_value
from weirlog.models.corpus.drafts import Draft, field_name
from weirlog.models.corpus.evasions import operators
from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.harmless import harmless, suspicious
from weirlog.models.corpus.mutation import respelt
from weirlog.models.corpus.probes import likeness
from weirlog.models.corpus.quotation import quotation
from weirlog.models.corpus.sites import site_request
from weirlog.models.corpus.written import AttackRequest, attack_request, written_harmless
from weirlog.models.request import JSON, Request

BENIGN: Final = "benign"
PROBE: Final = "probe"
DEMO_SEED: Final = 0x77656972  # "weir"; `train` refuses no seed, but its own default is another
DEMO_HARD_SHARE: Final = 0.02
"""Harmless texts that look like attacks are rare on a real site, and frequent in training."""
PASSAGES: Final = 0.35
"""Share of written passages, where there are any, among texts that look like attacks."""
OWN_VALUE_KEPT: Final = 0.15
"""Share of texts that stand behind the value that their parameter had, as tools put them there."""
WHOLE_REQUESTS: Final = 0.2
"""Share of attacks that are whole requests as they were written one by one, of the kinds that have such."""
_WHOLE: Final = frozenset({"xxe", "deserialization", "rfi", "ssrf"})
"""Kinds of attacks that are none behind something else."""
_COMPARED: Final = (
    "username", "username", "password", "password", "login", "email", "user", "id", "_id", "pass", "passwd", "pwd", "token", "secret", "pin", "otp", "key", "apiKey", "api_key", "account", "uid", "userId", "role", "isAdmin", "admin",
    "resetToken", "session", "credentials.password", "user.password", "auth.token", "login.user", "data.password", "usr", "code", "hash", "name", "member",
    "coupon", "voucher", "invite", "inviteCode", "licenseKey", "license", "ticket", "reset", "reset_code", "verification", "activation", "secretAnswer", "cardNumber", "iban", "mfa", "tan", "signature", "refresh_token",
    "benutzer", "passwort", "kennwort", "utilisateur", "motdepasse", "mot_de_passe", "usuario", "clave", "contrasena", "senha", "usuário", "gebruiker", "wachtwoord", "haslo", "heslo", "losen", "parola", "sifre", "пароль", "логин", "密码",
)  # fmt: skip
"""What an attack compares with everything. What a shop is searched by, `conditions` compare just so, and harmlessly."""
_SHOWN: Final = re.compile(r"""['"<>{}$|`\\]""")
"""What a header must hold to be shown to a model; without it an attack there would be a label without a cause."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A request and what it is.

    Attributes:
        request: as a log format would have parsed it.
        label: 1 for an attack, 0 for a harmless request.
        kind: one of `attacks.KINDS`, or "benign".
        origin: which part of the generators made it, for reports and for splits.
    """

    request: Request
    label: int
    kind: str
    origin: str


def traffic(
    seed: int,
    *,
    attack_share: float = 0.45,
    hard_share: float = 0.35,
    passages: Sequence[str] = (),
    written: bool = True,
) -> Iterator[Labelled]:
    """Yield labelled requests without end; the same seed gives the same ones.

    Args:
        seed: of every choice.
        attack_share: how many are attacks.
        hard_share: how many of the harmless ones get a suspicious-looking text put where an attack would have stood.
        passages: of `documentation`, to stand in some of those, and around attacks; with none, generated texts do.
        written: whether some are requests that were written one by one. There is no second lot of them: a model that was
            trained on these tells nothing of itself when it is asked about them again.
    """
    chance = Chance(seed)
    while True:
        draft = site_request(chance, written=written)
        if chance.maybe(attack_share):
            kind = attack_kind(chance)
            if chance.maybe(WHOLE_REQUESTS) and (whole := attack_request(chance, kind)) is not None:
                _ask_whole(draft, whole, chance)
            elif kind == PROBE:
                _ask_for(draft, respelt(attack_value(chance, kind), chance, 0.1), chance)
            else:
                value = respelt(attack_value(chance, kind), chance, 0.2)
                _place(draft, _surrounded(value, chance, kind, passages), chance, kind)
            yield Labelled(_request(draft, chance), 1, kind, "generated attack")
        elif chance.maybe(hard_share):
            if chance.maybe(0.2):
                _ask_for(draft, respelt(likeness(chance), chance, 0.1), chance)
                yield Labelled(_request(draft, chance), 0, BENIGN, "generated hard negative")
                continue
            text = quotation(chance, passages) if passages and chance.maybe(PASSAGES) else suspicious(chance)
            _place(draft, respelt(_surrounded(text, chance, BENIGN, passages), chance, 0.25), chance, BENIGN)
            yield Labelled(_request(draft, chance), 0, BENIGN, "generated hard negative")
        else:
            if chance.maybe(0.1):
                _place(draft, respelt(values.plain_value(chance), chance, 1.0), chance, BENIGN)
            yield Labelled(_request(draft, chance), 0, BENIGN, "generated site")


def plain_traffic(seed: int) -> Iterator[Labelled]:
    """Yield harmless requests without end, nothing in them made to look like an attack, and none written one by one."""
    return traffic(seed, attack_share=0.0, hard_share=0.0, written=False)


def quotations(seed: int, passages: Sequence[str]) -> Iterator[Labelled]:
    """Yield harmless requests without end, each with something of `passages` in it."""
    chance = Chance(seed)
    while True:
        draft = site_request(chance)
        _set_leaf(draft, quotation(chance, passages), chance)
        yield Labelled(_request(draft, chance), 0, BENIGN, "quotation")


def _surrounded(value: str, chance: Chance, kind: str, passages: Sequence[str]) -> str:
    """Return an attack, or what looks like one, with harmless text before or after it, in a third of calls."""
    if kind in _WHOLE or not chance.maybe(0.3):
        return value
    if passages and chance.maybe(PASSAGES):
        text = quotation(chance, passages)
    else:
        text = chance.pick(
            (values.sentence, values.sentence, values.word, values.paragraph, harmless, written_harmless, values.search)
        )(chance)
    joint = chance.pick((" ", " ", "", ", ", "\n", ". "))
    match chance.number(0, 3):
        case 0 | 1:
            return text + joint + value
        case 2:
            return value + joint + text
    return text + joint + value + joint + values.sentence(chance)


def _place(draft: Draft, value: str, chance: Chance, kind: str) -> None:
    """Put `value` somewhere into `draft`: mostly into a parameter, else the path, a key, a header, the whole body."""
    if kind == "nosqli" and chance.maybe(0.3):
        _place_operator(draft, chance)
        return
    if kind == "xxe" and chance.maybe(0.5):
        draft.method, draft.body = "post", {"raw": value}
        return
    if kind == "path-traversal" and chance.maybe(0.25):
        draft.path.insert(chance.number(0, len(draft.path)), value.lstrip("/"))
        return
    place = chance.random()
    if place < 0.08:
        draft.path.insert(chance.number(max(0, len(draft.path) - 1), len(draft.path)), value)
    elif place < 0.12 and _SHOWN.search(value) is not None:
        draft.headers[chance.pick(("user-agent", "user-agent", "referer", "x-forwarded-for", "x-api-version"))] = value
    elif place < 0.15:
        (draft.body if isinstance(draft.body, dict) else draft.query)[value] = chance.pick(
            ("", "1", values.word(chance))
        )
    elif place < 0.19:
        draft.method, draft.body = "post", {"raw": value}
    else:
        _set_leaf(draft, value, chance, onto=0.0 if kind in _WHOLE else OWN_VALUE_KEPT)


def _ask_whole(draft: Draft, attack: AttackRequest, chance: Chance) -> None:
    """Make `draft` the request that an attack is, in a third of calls with parameters of its own before or behind."""
    draft.method, draft.path, draft.body = attack.method, attack.segments, attack.payload
    own = {name: value for name, value in draft.query.items() if name not in attack.query}
    match chance.number(0, 5):
        case 0:
            draft.query = {**own, **attack.query}
        case 1:
            draft.query = {**attack.query, **own}
        case _:
            draft.query = dict(attack.query)


def _ask_for(draft: Draft, path: str, chance: Chance) -> None:
    """Make `draft` a request for one path, mostly without parameters."""
    draft.method, draft.body = chance.pick(("get", "get", "get", "get", "head", "post")), None
    draft.path = path.lstrip("/").split("/")
    if chance.maybe(0.85):
        draft.query = {}


def _place_operator(draft: Draft, chance: Chance) -> None:
    """Put a query operator where a value is expected: as a nested object, or spelt in the parameter's name."""
    name = chance.pick(_COMPARED)
    placed = operators(chance)
    operator, operand = next(iter(placed.items()))
    if isinstance(draft.body, dict) and chance.maybe(0.6):
        if chance.maybe(0.2):
            draft.body.update(placed)
        else:
            draft.body[name] = placed
    elif isinstance(operand, list) and chance.maybe(0.5):
        draft.query[f"{name}[{operator}][0]"] = operand[0] if operand else ""
    else:
        draft.query[f"{name}{chance.pick(('[{}]', '[{}]', '[{}]', '.{}')).format(operator)}"] = operand


def _set_leaf(draft: Draft, value: str, chance: Chance, onto: float = 0.0) -> None:
    """Replace a value of the query or the body, at any depth, or in a share of `onto` stand behind it; else add one."""
    holders: list[dict[str, JSON]] = [draft.query]
    if isinstance(draft.body, dict):
        holders = [draft.body] if not draft.query or chance.maybe(0.7) else [draft.query]
        holder = holders[0]
        while chance.maybe(0.6) and (nested := [item for item in holder.values() if isinstance(item, dict) and item]):
            holder = chance.pick(nested)
        holders = [holder]
    holder = holders[0]
    name = chance.pick(tuple(holder)) if holder and chance.maybe(0.8) else field_name(chance)
    own = holder.get(name)
    if isinstance(own, (str, int)) and chance.maybe(onto):
        value = f"{own}{chance.pick(('', '', ' '))}{value}"
    holder[name] = value if chance.maybe(0.97) else [values.word(chance), value]


def _request(draft: Draft, chance: Chance) -> Request:
    visible: dict[str, JSON] = {
        "method": draft.method,
        "query": draft.query,
        "path": draft.address,
        "statusCode": chance.pick((200, 200, 200, 200, 201, 204, 301, 302, 304, 400, 401, 403, 404, 500)),
        "requestPayload": draft.body,
    }
    return Request(
        visible=visible,
        client=values.ip(chance),
        time=1_700_000_000 + chance.number(0, 10**7),
        host=values.host(chance),
        headers=draft.headers,
    )


def to_hapi_line(request: Request) -> bytes:
    """Return the request as a line of the reference schema, no newline at its end."""
    headers = {"host": request.host or "localhost", **(request.headers or {})}
    status = request.status
    failed = status is not None and status >= 400
    log: dict[str, JSON] = {
        "timestamp": int((request.time or 0) * 1000),
        "method": request.method,
        "query": request.query,
        "path": request.path,
        "statusCode": status,
        "source": {"remoteAddress": request.client or "", "userAgent": headers.get("user-agent", "")},
        "route": request.path,
        "headers": dict(headers),
        "requestPayload": request.body,
        "responsePayload": {"statusCode": status, "error": "Error", "message": "Error"} if failed else None,
    }
    return json.dumps(log, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def demo_traffic(
    seed: int = DEMO_SEED, attack_share: float = 0.05, kinds: Collection[str] = KINDS
) -> Iterator[tuple[bytes, bool]]:
    """Yield lines of the reference schema without end, and whether each is an attack of one of `kinds`.

    They come from the generators that the shipped model was trained on (with another seed), so what the model does on
    them says that everything works and nothing about attacks that it has never seen.
    """
    for labelled in traffic(seed, attack_share=attack_share, hard_share=DEMO_HARD_SHARE):
        if not labelled.label or labelled.kind in kinds:
            yield to_hapi_line(labelled.request), labelled.label == 1
