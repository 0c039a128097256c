"""What the shipped model is worth: everything that `quality` can measure, on labelled files and on texts by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from weirlog.models.artifact import Artifact
from weirlog.models.corpus import Labelled, traffic
from weirlog.models.corpus.documentation import passages
from weirlog.models.corpus.traffic import plain_traffic, quotations
from weirlog.models.dataset import Row, read_rows
from weirlog.models.detector import Detector
from weirlog.models.engines import engine
from weirlog.models.quality import FileQuality, judge_attacks, judge_bodies, judge_harmless, mark_attacks, measure_file
from weirlog.models.quality_page import Quality
from weirlog.models.request import JSON
from weirlog.models.samples import Harmless, drawn_harmless, read_attacks, read_harmless, read_requests

REPORT_SEED: Final = 90_001
"""Of the generated rows that are measured by; no training or threshold has seen them."""
REPORT_ROWS: Final = 20_000
HARMLESS_FILE: Final = "harmless_texts.jsonl"
ATTACKS_FILE: Final = "attacks_by_hand.jsonl"
REQUESTS_FILE: Final = "requests.jsonl"
"""Harmless requests; may lack."""
HARMLESS_TEXTS: Final = 500
"""Harmless texts to measure by: what the hand-written ones fall short of it is drawn from a grammar."""


def harmless_texts(folder: Path) -> dict[str, list[Harmless]]:
    """Return HARMLESS_TEXTS texts that look like attacks, by where they come from.

    Raises:
        DatasetError: HARMLESS_FILE in `folder` cannot be read, or holds something else.
    """
    by_hand = read_harmless(folder / HARMLESS_FILE)
    drawn = drawn_harmless(REPORT_SEED, max(0, HARMLESS_TEXTS - len(by_hand)))
    return {"written by hand": by_hand, "drawn from a grammar": drawn}


def evaluate_default(artifact: Artifact, files: Sequence[Path], texts: Path | None) -> Quality:
    """Return what a model is worth on every labelled file, on generated traffic, and on the hand-written texts.

    Blocks for about ten minutes on two cores, most of them for the long bodies.

    Args:
        artifact: the model.
        files: labelled data; may be none.
        texts: folder of the hand-written texts; None leaves out what is measured by them.

    Raises:
        DatasetError: a file cannot be read, or holds something else.
    """
    detector = Detector(artifact, engine("auto", artifact))
    measured = [measure_file(detector, path.name, read_rows([path])) for path in files]
    for name, generated in (
        ("generated, plain", plain_traffic(REPORT_SEED)),
        ("generated, hard", traffic(REPORT_SEED, attack_share=0.5, hard_share=1.0, written=False)),
        ("quoted passages", quotations(REPORT_SEED, passages(held_out=True))),
    ):
        measured.append(_measured(detector, name, islice(generated, REPORT_ROWS)))
    if texts is not None and (texts / REQUESTS_FILE).exists():
        rows = (Row(request, 0) for request in read_requests(texts / REQUESTS_FILE))
        measured.append(measure_file(detector, "requests written by hand", rows))
    quality = Quality(
        f"{artifact.name} ({artifact.digest[:12]})",
        artifact.threshold,
        measured,
        frozenset(files_seen(artifact)),
    )
    if texts is None:
        return quality
    attacks = [attack for attack in read_attacks(texts / ATTACKS_FILE) if attack.kind in artifact.kinds]
    return replace(
        quality,
        harmless={name: judge_harmless(detector, group) for name, group in harmless_texts(texts).items()},
        attacks=judge_attacks(detector, attacks),
        bodies=judge_bodies(detector, attacks),
        markings=mark_attacks(detector, attacks),
    )


def files_seen(artifact: Artifact) -> Mapping[str, JSON]:
    """Return the digests of the labelled files that a model was trained with, by their names."""
    files = artifact.training.get("files")
    return files if isinstance(files, dict) else {}


def _measured(detector: Detector, name: str, drawn: Iterable[Labelled]) -> FileQuality:
    return measure_file(detector, name, (Row(made.request, made.label, made.kind, file=name) for made in drawn))
