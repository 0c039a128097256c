"""The pictures of a training report. Matplotlib is imported when a function is called, and draws without a display."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weirlog.models.engines import FloatArray, IntArray
from weirlog.models.epochs import Epoch
from weirlog.models.errors import MissingExtraError
from weirlog.models.evaluation import auc
from weirlog.models.report_page import Plot

BENIGN_COLOUR: Final = "#2b6cb0"
ATTACK_COLOUR: Final = "#c0392b"
_BINS: Final = 40
_CALIBRATION_BINS: Final = 10
_LOGITS: Final = (-5.0, 11.5)
"""Thresholds from 0.007 to 0.99999, the highest that training chooses."""

Curve = npt.NDArray[np.float64]


def import_figure() -> Any:
    """Return matplotlib's `Figure`, which keeps no state outside itself, unlike `pyplot`.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - a second that only a report needs
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"a report needs matplotlib, and {error.name} is not installed: pip install 'weirlog[train]'"
        ) from error
    return Figure


def rates(scores: FloatArray, labels: IntArray) -> tuple[Curve, Curve, Curve]:
    """Return (thresholds, false-positive rates, recalls) for every score as the threshold, the highest first.

    One more entry stands in front: a threshold that nothing reaches.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, truth = scores[order].astype(np.float64), labels[order] == 1
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))  # equal scores alert together
    found, wrong = np.cumsum(truth)[last], np.cumsum(~truth)[last]
    return (
        np.concatenate(([np.inf], ordered[last])),
        np.concatenate(([0.0], wrong / max(int((~truth).sum()), 1))),
        np.concatenate(([0.0], found / max(int(truth.sum()), 1))),
    )


def history_plot(history: Sequence[Epoch]) -> Plot:
    figure = import_figure()(figsize=(7.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    numbers = [epoch.number for epoch in history]
    left.plot(numbers, [epoch.loss for epoch in history], "o-", label="training")
    left.plot(numbers, [epoch.validation_loss for epoch in history], "o-", label="validation")
    left.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    left.legend()
    right.plot(numbers, [epoch.accuracy for epoch in history], "o-", label="training")
    right.plot(numbers, [epoch.validation_accuracy for epoch in history], "o-", label="validation")
    right.set(xlabel="epoch", ylabel="accuracy at 0.5")
    right.legend()
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    best = min(history, key=lambda epoch: epoch.validation_loss)
    caption = (
        f"The weights kept are those of epoch {best.number}, with validation loss {best.validation_loss:.4f}. "
        "Loss and accuracy of training are means over the epoch, with dropout at work."
    )
    return _plot("Loss and accuracy by epoch", caption, figure)


def roc_plot(scores: FloatArray, labels: IntArray, threshold: float) -> Plot:
    _, wrong, found = rates(scores, labels)
    area = auc(scores, labels == 1)
    figure = import_figure()(figsize=(7.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    least = 1 / max(int((labels == 0).sum()), 1)
    at = (_share(scores[labels == 0] >= threshold), _share(scores[labels == 1] >= threshold))
    for axes in (left, right):
        axes.step(wrong, found, where="post", color=ATTACK_COLOUR)
        axes.plot(max(at[0], least / 2 if axes is right else 0.0), at[1], "ko", label=f"threshold {threshold:.5f}")
        axes.set(xlabel="false-positive rate", ylim=(0, 1.02))
    left.plot([0, 1], [0, 1], ":", color="grey")
    left.set(ylabel="recall")
    left.legend(loc="lower right")
    right.set(xscale="log", xlim=(least / 2, 1), title="the same, rate logarithmic")
    caption = (
        f"Area {'unknown' if area is None else format(area, '.5f')}. Rates below {least:.1e}, one benign test row, "
        "cannot be told."
    )
    return _plot("ROC: recall against false positives", caption, figure)


def precision_recall_plot(scores: FloatArray, labels: IntArray) -> Plot:
    _, wrong, found = rates(scores, labels)
    attacks = int((labels == 1).sum())
    hits, misses = found * attacks, wrong * (len(labels) - attacks)
    precision = np.divide(hits, hits + misses, out=np.ones_like(hits), where=hits + misses > 0)
    share = attacks / max(len(labels), 1)
    figure, axes = _single()
    axes.step(found, precision, where="post", color=ATTACK_COLOUR)
    axes.axhline(share, linestyle=":", color="grey")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    caption = (
        f"Of the test rows {share:.1%} are attacks (dotted). In traffic they are rarer, and precision is lower: "
        "rates of false positives carry over, precision does not."
    )
    return _plot("Precision against recall", caption, figure)


def histogram_plot(scores: FloatArray, labels: IntArray, threshold: float) -> Plot:
    figure, axes = _single()
    edges = np.linspace(0, 1, _BINS + 1)
    for label, name, colour in ((0, "harmless", BENIGN_COLOUR), (1, "attacks", ATTACK_COLOUR)):
        axes.hist(scores[labels == label], bins=edges, alpha=0.6, color=colour, label=name)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.5f}")
    axes.set(xlabel="score", ylabel="test rows", yscale="log", xlim=(0, 1))
    axes.legend()
    return _plot("Scores by class", "How many test rows of each class got which score; counts are logarithmic.", figure)


def calibration_plot(scores: FloatArray, labels: IntArray) -> Plot:
    places = np.minimum((scores * _CALIBRATION_BINS).astype(np.int64), _CALIBRATION_BINS - 1)
    counts = np.bincount(places, minlength=_CALIBRATION_BINS)
    kept = counts > 0
    said = np.bincount(places, weights=scores, minlength=_CALIBRATION_BINS)[kept] / counts[kept]
    true = np.bincount(places, weights=labels, minlength=_CALIBRATION_BINS)[kept] / counts[kept]
    error = float((np.abs(said - true) * counts[kept]).sum() / counts.sum())
    figure, axes = _single()
    axes.plot([0, 1], [0, 1], ":", color="grey")
    axes.plot(said, true, "o-", color=ATTACK_COLOUR)
    for x, y, count in zip(said, true, counts[kept], strict=True):
        axes.annotate(f"{count:,}", (x, y), textcoords="offset points", xytext=(4, -10), fontsize=7, color="grey")
    axes.set(xlabel="mean score", ylabel="share that are attacks", xlim=(-0.02, 1.05), ylim=(-0.02, 1.05))
    caption = f"Where a score says what it means, points lie on the dotted line; grey are rows a bin. Expected error {error:.4f}."
    return _plot("Calibration", caption, figure)


def false_alerts_plot(scores: FloatArray, labels: IntArray, threshold: float, requests_a_day: float) -> Plot:
    """Return false alerts a day, and recall, over the threshold: on a logit axis, for what matters lies near 1."""
    x = 1 / (1 + np.exp(-np.linspace(*_LOGITS, 500)))
    benign, attacks = np.sort(scores[labels == 0]), np.sort(scores[labels == 1])
    wrong = 1 - np.searchsorted(benign, x) / max(len(benign), 1)
    found = 1 - np.searchsorted(attacks, x) / max(len(attacks), 1)
    least = requests_a_day / max(len(benign), 1)
    figure, axes = _single()
    axes.plot(x, np.maximum(wrong * requests_a_day, least / 2), color=BENIGN_COLOUR)
    axes.axhspan(least / 4, least, color="grey", alpha=0.15)
    axes.set(yscale="log", xlabel="threshold", ylabel="false positives a day", ylim=(least / 4, requests_a_day))
    axes.set_xscale("logit", one_half="0.5")
    axes.set_xlim(x[0], x[-1])
    axes.yaxis.label.set_color(BENIGN_COLOUR)
    axes.axvline(min(max(threshold, float(x[0])), float(x[-1])), color="black", linestyle="--")
    recall = axes.twinx()
    recall.plot(x, found, color=ATTACK_COLOUR)
    recall.set(ylabel="recall", ylim=(0, 1.02))
    recall.yaxis.label.set_color(ATTACK_COLOUR)
    now = _share(scores[labels == 0] >= threshold) * requests_a_day
    caption = (
        f"Assumed are {requests_a_day:,.0f} harmless requests a day, all like the test rows. At the model's threshold "
        f"(dashed) that is {now:,.0f} false positives a day; fewer than {least:,.0f} (grey) cannot be told from so few rows."
    )
    return _plot("False positives a day against the threshold", caption, figure)


def _single() -> tuple[Any, Any]:
    figure = import_figure()(figsize=(7.2, 3.6), layout="constrained")
    return figure, figure.subplots()


def _share(which: npt.NDArray[np.bool_]) -> float:
    return float(which.mean()) if which.size else 0.0


def _plot(title: str, caption: str, figure: Any) -> Plot:
    figure.suptitle(title, fontsize=11)
    for axes in figure.axes:
        axes.grid(alpha=0.25)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120, metadata={"Software": None})
    return Plot(title, caption, png.getvalue())
