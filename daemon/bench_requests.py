"""What `weirlog bench` measures with: two streams of requests, and the reference model that gives its yardstick.

Of the two streams one never repeats a request, so that nothing remembered can help, and one repeats as real logs do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weirlog.daemon.lines import InputError, read_lines
from weirlog.models.artifact import Artifact
from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.traffic import DEMO_HARD_SHARE, to_hapi_line, traffic
from weirlog.models.engines import FloatArray
from weirlog.models.errors import UnparsableError
from weirlog.models.formats import log_format
from weirlog.models.network import Network
from weirlog.models.presets import PRESETS
from weirlog.models.text import text_preparation
from weirlog.models.tokenizer import Tokenizer

REFERENCE = "lstm"
"""The preset that engines are measured on: figures elsewhere say "times Keras predict" of this network."""
SEED = 20_200
REQUESTS = 20_000
"""Different requests of a stream, several times what any cache of an engine remembers of them."""
LIMIT_BYTES = 64 << 20
"""The most that is taken of a user's log."""
BODY_SHARE = 0.1
"""How many generated requests have a body. The generators' own half is for training; a log has few."""
ATTACK_SHARE = 0.02
REPEAT_SHARE = 0.2
"""How many requests of the repeating stream have been there before."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Log lines, different from each other by the text that a model reads, and how they repeat.

    Attributes:
        lines: as they stand in the log, without newline.
        texts: what the model reads of each.
        order: the repeating stream: indices of the above, each at least once, first in the order above.
        log_format: of the lines.
    """

    lines: tuple[bytes, ...]
    texts: tuple[str, ...]
    order: tuple[int, ...]
    log_format: str

    @property
    def repeated(self) -> list[bytes]:
        """The repeating stream as log lines."""
        return [self.lines[index] for index in self.order]

    def save(self, path: Path) -> None:
        """Write both streams of texts for the workers."""
        path.write_text(json.dumps({"texts": self.texts, "order": self.order}))


def generated(text: str, count: int = REQUESTS) -> Requests:
    """Return synthetic requests, their texts prepared as `text` names it. Takes about 0.2 s for a thousand."""
    found = _distinct(_lines(), "hapi", text, count)
    return Requests(tuple(found.values()), tuple(found), tuple(repeating(count, Chance(SEED))), "hapi")


def from_log(path: str, form: str, text: str, count: int = REQUESTS) -> Requests:
    """Return the requests of a finished log: the different ones, and all of them as they come.

    Reads no further than `count` different requests or LIMIT_BYTES; lines that do not parse are left out.

    Raises:
        InputError: it cannot be read, or holds no request.
    """
    taken: list[bytes] = []
    seen: dict[str, int] = {}
    size = 0
    parse, prepare = log_format(form).parse, text_preparation(text).prepare
    lines: list[bytes] = []
    order: list[int] = []
    for line in read_lines(path, lambda _: None):
        size += len(line.payload)
        if len(seen) >= count or size > LIMIT_BYTES:
            break
        if line.flaw is not None:
            continue
        try:
            prepared = prepare(parse(line.payload)).text
        except UnparsableError:
            continue
        taken.append(line.payload)
        if prepared not in seen:
            seen[prepared] = len(lines)
            lines.append(line.payload)
        order.append(seen[prepared])
    if not taken:
        raise InputError(f"{path}: holds no request in the format {form}; name another with --format")
    return Requests(tuple(lines), tuple(seen), tuple(order), form)


def repeating(count: int, chance: Chance) -> Iterator[int]:
    """Yield each of `count` indices once in order, and among them earlier ones again, REPEAT_SHARE of all.

    How far back a repetition reaches is drawn evenly in its logarithm: of what comes again, most comes again soon, and
    some of it after thousands of others.
    """
    for index in range(count):
        yield index
        while chance.maybe(REPEAT_SHARE):
            yield index - int((index + 1) ** chance.random()) + 1


def reference_artifact(texts: Sequence[str]) -> Artifact:
    """Return the reference network with seeded random weights, its characters the most frequent of `texts`.

    An engine's work does not depend on what the weights have learnt, but on their scale it does: a state that dies or
    saturates settles sooner over pads, and rounding grows less in it. With these it settles after 250 pads; with trained
    ones that were looked at, after 80 to 185.
    """
    preset = PRESETS[REFERENCE]
    return Artifact(
        name=f"reference-{REFERENCE}",
        created="2026-01-01T00:00:00Z",
        network=preset.network,
        tokenizer=Tokenizer.fit(texts, level="character", lower=preset.lower, num_words=preset.vocabulary),
        text=preset.text,
        threshold=0.5,
        weights=_weights(preset.network),
    )


def _weights(network: Network) -> dict[str, FloatArray]:
    generator = np.random.default_rng(SEED)
    scales = {"embedding.weight": 1.0, "verdict.kernel": 1.0, "verdict.bias": 0.0}
    return {
        name: generator.normal(
            0.0, scales.get(name, 0.3 if name.endswith("bias") else 1.2 / np.sqrt(shape[0])), shape
        ).astype(np.float32)
        for name, shape in network.shapes().items()
    }


def _lines() -> Iterator[bytes]:
    """Yield log lines without end, BODY_SHARE of them with a body."""
    # Those that were written one by one are long, and repeat themselves; what is timed never does.
    drawn = traffic(SEED, attack_share=ATTACK_SHARE, hard_share=DEMO_HARD_SHARE, written=False)
    requests = (labelled.request for labelled in drawn)
    owed = 0.0
    for request in requests:
        if not request.body:
            owed += BODY_SHARE / (1 - BODY_SHARE)
            yield to_hapi_line(request)
        elif owed >= 1.0:
            owed -= 1.0
            yield to_hapi_line(request)


def _distinct(lines: Iterable[bytes], form: str, text: str, count: int) -> dict[str, bytes]:
    parse, prepare = log_format(form).parse, text_preparation(text).prepare
    found: dict[str, bytes] = {}
    for line in lines:
        found.setdefault(prepare(parse(line)).text, line)
        if len(found) == count:
            break
    return found
