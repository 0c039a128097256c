"""What the shipped model learns from: labelled rows, spliced copies, generated traffic, and whose turn it is when."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final

import numpy as np

from weirlog.models.canonical import Canonicaliser
from weirlog.models.corpus import Labelled
from weirlog.models.corpus.attacks import SELF_CONTAINED, attack_kind, attack_value
from weirlog.models.corpus.drafts import field_name
from weirlog.models.corpus.grammar import Chance, Terminal
from weirlog.models.corpus.harmless import harmless, suspicious
from weirlog.models.corpus.quotation import quotation
from weirlog.models.corpus.sites import site_request
from weirlog.models.corpus.traffic import PROBE, traffic
from weirlog.models.corpus.values import paragraph, sentence
from weirlog.models.dataset import Row
from weirlog.models.engines import FloatArray
from weirlog.models.examples import Indices
from weirlog.models.request import JSON, Request
from weirlog.models.text import text_preparation

LONGEST: Final = 1024
"""Generated attacks with longer texts are left out of training: a cut could lose the attack and keep its label."""
OVERLAP: Final = 128
MOSTLY: Final = 320
LONG_SHARE: Final = 0.2
"""Share that is kept of generated rows with texts longer than MOSTLY: they cost the most time and teach the least."""
QUOTAS: Final[Mapping[str, int]] = {
    "csic2010": 4_000,
    "torpeda": 4_000,
    "httpparams_train": 7_000,
    "payload_lists": 13_000,
    "fwaf": 9_000,
    "nullaerber_real": 6_000,
    "real_access": 6_000,
}
"""Rows an epoch of each file; of a file not named here OTHER_QUOTA."""
OTHER_QUOTA: Final = 8_000
HOSTS: Final = "hosts"
MINED_ATTACKS: Final = 0.3
"""Share of attacks among the rows that are mined. Fewer than in training: harmless ones have the longer tail."""
MINED_SHARE: Final = 0.04
"""Of all generated rows: so many of either class are kept for being hard."""
HOPELESS: Final = 0.03
CERTAIN: Final = 0.97
"""An attack that scores higher has nothing to teach: the threshold lies about here."""
_HOST: Final = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(slots=True)
class Pool:
    """Texts with what is known of them."""

    texts: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    kinds: list[str | None] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def add(self, text: str, label: int, kind: str | None, group: str) -> None:
        self.texts.append(text)
        self.labels.append(label)
        self.kinds.append(kind if label else None)
        self.groups.append(group)


def add_rows(pool: Pool, rows: Iterable[Row]) -> None:
    """Add labelled rows; the group is the file's name without its endings, or HOSTS for the hosts that are left out."""
    prepare = text_preparation("detection-1").text
    for row in rows:
        held = not row.label and row.origin is not None and _is_left_out(row.origin)
        group = HOSTS if held else row.file.partition(".")[0]
        pool.add(prepare(row.request), row.label, row.kind, group)


def _is_left_out(origin: str) -> bool:
    """Return whether a host's requests only set the threshold: a quarter of those named like a repository."""
    return _HOST.fullmatch(origin) is not None and zlib.crc32(origin.encode()) % 4 == 2


def add_generated(pool: Pool, source: Iterator[Labelled], count: int, group: str) -> None:
    """Add rows of `count` generated ones; of those with long texts a share.

    What the network does not read at once is added window by window where it is harmless, for so is each of its windows;
    which of an attack's windows holds it is not known.
    """
    prepare = text_preparation("detection-1").text
    thin = Chance(count)
    for labelled in islice(source, count):
        text = prepare(labelled.request)
        if len(text) > MOSTLY and not thin.maybe(LONG_SHARE):
            continue
        if len(text) <= LONGEST:
            pool.add(text, labelled.label, labelled.kind, group)
        elif not labelled.label:
            for start in range(0, len(text) - OVERLAP, LONGEST - OVERLAP):
                pool.add(text[start : start + LONGEST], labelled.label, labelled.kind, group)


def add_long(
    pool: Pool, seed: int, count: int, group: str, *, attack_share: float = 0.5, passages: Sequence[str] = ()
) -> None:
    """Add windows of requests with long bodies, cut anywhere; into a share of the bodies an attack is put, whole.

    Of these the window has all of it. In half of the bodies everything else is plain prose.
    """
    chance = Chance(seed)
    prose: tuple[Terminal, ...] = (paragraph, sentence)
    anything = (*prose, harmless, suspicious)
    if passages:
        anything += (partial(quotation, passages=passages),)
    canonical = Canonicaliser().canonical
    prepare = text_preparation("detection-1").text
    while count > 0:
        among = chance.pick((prose, anything))
        parts = [chance.pick(among)(chance) for _ in range(chance.number(2, 40))]
        kind = attack_kind(chance)
        attack = attack_value(chance, kind) if kind != PROBE and chance.maybe(attack_share) else ""
        if attack:
            parts.insert(chance.number(0, len(parts)), attack)
        text = prepare(_with_body(parts, chance, as_text=not attack or kind in SELF_CONTAINED))
        sought = canonical(attack)
        at = text.find(sought)
        if attack and (at < 0 or not 0 < len(sought) < LONGEST // 4):
            continue
        size = chance.number(400, LONGEST)
        first, last = (at + len(sought) - size, at) if attack else (0, len(text) - size)
        start = chance.number(max(0, first), max(0, last))
        pool.add(text[start : start + size], int(bool(attack)), kind, group)
        count -= 1


def _with_body(parts: Sequence[str], chance: Chance, *, as_text: bool) -> Request:
    """Return a request with these in its body: as fields, in a list of objects, or, where they may, as one text."""
    draft = site_request(chance)
    form = chance.random()
    body: JSON
    if as_text and form < 0.55:
        body = {"raw": chance.pick(("\n", "\n", "\n\n", "\r\n", " ")).join(parts)}
    elif form < 0.8:
        body = {f"{field_name(chance)}{number}": part for number, part in enumerate(parts)}
    else:
        name, key = field_name(chance), field_name(chance)
        body = {name: [{"n": number, key: part} for number, part in enumerate(parts)]}
    return Request({"method": "post", "query": draft.query, "path": draft.address, "requestPayload": body})


def add_mined(
    pool: Pool,
    seed: int,
    count: int,
    group: str,
    score: Callable[[Sequence[str]], FloatArray],
    passages: Sequence[str] = (),
) -> None:
    """Add those of `count` generated rows that a model is most mistaken about, of both classes.

    Args:
        pool: to add to.
        seed: of the generated rows.
        count: how many to ask about.
        group: of the rows that are added.
        score: texts → (n,) probabilities of an attack.
        passages: see `traffic`.
    """
    fresh = Pool()
    add_generated(fresh, traffic(seed, attack_share=MINED_ATTACKS, passages=passages), count, group)
    scores = score(fresh.texts)
    attack = np.asarray(fresh.labels) > 0
    # What is scored as harmless without any doubt is an attack that cannot be told from its text: a lone quote, `a=1`.
    doubtful = (scores > HOPELESS) & (scores < CERTAIN)
    for rows, mistake in ((np.flatnonzero(~attack), scores), (np.flatnonzero(attack & doubtful), 1 - scores)):
        hardest = rows[np.argsort(-mistake[rows], kind="stable")][: round(MINED_SHARE * len(scores))]
        for row in hardest.tolist():
            pool.add(fresh.texts[row], fresh.labels[row], fresh.kinds[row], group)


def add_spliced(pool: Pool, seed: int, share: float) -> None:
    """Add for a share of the labelled rows a copy whose parameters stand among those of a harmless request.

    The lines of a harmless text change no label; attacks so stand at the front, in the middle and at the end.
    """
    chance = Chance(seed)
    harmless = [
        text.split("\n")[1:] for text, label in zip(pool.texts, pool.labels, strict=True) if not label and "\n" in text
    ]
    for place in range(len(pool.texts)):
        if pool.groups[place] != HOSTS and harmless and chance.maybe(share):
            first, *lines = pool.texts[place].split("\n")
            before = chance.pick(harmless)[: chance.number(0, 4)]
            after = chance.pick(harmless)[: chance.number(0, 4)]
            text = "\n".join([first, *before, *lines, *after])
            if len(text) <= LONGEST:
                pool.add(text, pool.labels[place], pool.kinds[place], pool.groups[place])


class Draw:
    """Draws the rows of an epoch: a quota of each group, without repetition while it lasts."""

    def __init__(self, groups: Sequence[str], rows: Indices, quotas: Mapping[str, int], seed: int) -> None:
        names = np.asarray(groups)[rows]
        self._seed = seed
        self._parts = [(rows[names == name], quotas.get(name, OTHER_QUOTA)) for name in sorted(set(names.tolist()))]

    def __call__(self, epoch: int) -> Indices:
        chosen = []
        for number, (members, quota) in enumerate(self._parts):
            # One order for as many epochs as the group lasts, then another.
            quota = min(quota, len(members))
            if not quota:
                continue
            rounds = len(members) // quota
            order = np.random.default_rng((self._seed, number, epoch // rounds)).permutation(members)
            chosen.append(order[(epoch % rounds) * quota : (epoch % rounds + 1) * quota])
        return np.random.default_rng((self._seed, epoch)).permutation(np.concatenate(chosen))
