"""The cheap rival: character 3-grams, weighted by TF-IDF, and a logistic regression, on files that neither has seen.

    python -m weirlog.models.rival --data DATA --without NAME... [--model default]

It is trained on the labelled files that are not left out and on generated rows, as the detector is, and both are then
measured on each file that was left out. What MODEL was trained with is its own affair: give one that left out the same.
Labelled files call injections attacks, and a request for a file that should not be there none: the rival sees no probes, and
the model's score is that of an attack of another kind.
Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from weirlog.models.corpus import traffic
from weirlog.models.corpus.documentation import passages
from weirlog.models.corpus.traffic import PROBE
from weirlog.models.course import TRAINING_SEED
from weirlog.models.dataset import SYNTHETIC, Row, read_rows
from weirlog.models.default_thresholds import score_injections
from weirlog.models.default_training import data_files, data_name, loaded, refuse_unknown
from weirlog.models.engines import FloatArray
from weirlog.models.evaluation import Measures, evaluate
from weirlog.models.pool import Pool, add_generated, add_rows

GENERATED_ROWS: Final = 60_000
"""More make it no better on left-out files, and memory grows by 10 KB a row."""
FP_RATES: Final = (1e-2, 1e-3)


def train_rival(texts: Sequence[str], labels: Sequence[int]) -> Callable[[Sequence[str]], FloatArray]:
    """Return a function texts → (n,) probabilities of an attack. Blocks for minutes."""
    # A rival is for those who compare; nothing that serves needs the package.
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    grams: Any = TfidfVectorizer(analyzer="char", ngram_range=(3, 3), min_df=3, sublinear_tf=True, dtype=np.float32)
    regression = LogisticRegression(C=10, max_iter=200, solver="liblinear").fit(grams.fit_transform(texts), labels)
    return lambda asked: np.asarray(regression.predict_proba(grams.transform(asked))[:, 1], np.float32)


def compare(
    files: Sequence[Path],
    without: Sequence[str],
    ours: Callable[[Sequence[str]], FloatArray],
    written: Sequence[str] = (),
) -> Iterator[tuple[str, Measures, Measures]]:
    """Yield for each file that is left out its name, our measures and the rival's, all rows of it counted.

    A second time without the harmless rows that were made of attacks, where there are such: what is left of an attack
    when its payload is replaced may well be an attack's.

    Args:
        files: labelled data.
        without: names of those that are left out.
        ours: texts → (n,) probabilities of an attack.
        written: passages for the generated rows, as the detector had them.
    """
    seen = Pool()
    unseen: dict[str, list[Row]] = {}
    for path in files:
        name, read = data_name(path), read_rows([path])
        if name in without:
            unseen.setdefault(name, []).extend(read)
        else:
            add_rows(seen, read)
    generated = (row for row in traffic(TRAINING_SEED, passages=written) if row.kind != PROBE)
    add_generated(seen, generated, GENERATED_ROWS, "generated")
    rival = train_rival(seen.texts, seen.labels)
    for name, rows in unseen.items():
        pool = Pool()
        add_rows(pool, rows)
        labels = np.asarray(pool.labels)
        scores, rivals = ours(pool.texts), rival(pool.texts)
        yield name, evaluate(scores, labels, 0.5), evaluate(rivals, labels, 0.5)
        logged = np.array([bool(row.label) or SYNTHETIC not in (row.origin or "") for row in rows])
        if not logged.all() and not labels[logged].all():
            left = labels[logged]
            yield f"{name}, logged rows", evaluate(scores[logged], left, 0.5), evaluate(rivals[logged], left, 0.5)


def _told(measures: Measures) -> str:
    recall = ", ".join(f"{100 * (measures.recall_at[rate] or 0.0):.1f} % at {rate:g}" for rate in FP_RATES)
    return f"AUC {measures.auc:.4f}, recall {recall}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line a left-out file for the model and one for its rival; return the exit status."""
    parser = argparse.ArgumentParser(prog="weirlog.models.rival", description="Compare a model with 3-grams.")
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled files")
    parser.add_argument(
        "--without", nargs="+", action="extend", required=True, help="files to leave out, without their endings"
    )
    parser.add_argument("--model", default="default")
    options = parser.parse_args(arguments)
    files = data_files(options.data)
    refuse_unknown(parser, files, options.without)
    model = loaded(parser, options.model)
    for name, ours, rival in compare(files, options.without, partial(score_injections, model), passages()):
        print(f"{name} ({model.name} {model.digest[:12]}): {_told(ours)}")  # noqa: T201 - the output of a command
        print(f"{name} (3-grams): {_told(rival)}", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
