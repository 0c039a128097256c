"""The whole of a model at work: requests in, verdicts out, and for each attack the part of it that gave it away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from weirlog.models import engines
from weirlog.models.artifact import Artifact, load
from weirlog.models.duplicates import VerdictCache
from weirlog.models.engines import Engine, FloatArray, ReuseLimits, Scores, TokenBatch
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.engines.standby import StandbyEngine
from weirlog.models.errors import ArtifactError
from weirlog.models.explanation import explain
from weirlog.models.kind_scale import KindScale
from weirlog.models.known_benign import KnownBenign
from weirlog.models.request import Request
from weirlog.models.text import CanonicalText, PlainText, text_preparation
from weirlog.models.verdict import Explanation, Verdict
from weirlog.models.windows import Windows, cut


class Detector:
    """Classifies requests. Thread-safe.

    Args:
        artifact: the model.
        engine: runs its network.
        threshold: the score from which a request counts as an attack; None for the artifact's own.
        known_benign: requests that count as one only from higher scores on.
        reuse: what may be kept so that no work is done twice.

    Raises:
        ArtifactError: the threshold is not in [0, 1].
        UnsupportedError: this release does not know the artifact's text preparation.
    """

    def __init__(
        self,
        artifact: Artifact,
        engine: Engine,
        threshold: float | None = None,
        known_benign: KnownBenign | None = None,
        reuse: ReuseLimits = ReuseLimits(),  # noqa: B008 - it is frozen
    ) -> None:
        self.name = artifact.name
        self.digest = artifact.digest
        self.kinds = artifact.kinds
        self.calibration = artifact.calibration
        self.threshold = artifact.threshold if threshold is None else threshold
        if not 0.0 <= self.threshold <= 1.0:
            raise ArtifactError(f"threshold {self.threshold} of model {self.name} is not in [0, 1]")
        self._scale = KindScale(artifact.kinds, artifact.threshold, artifact.kind_thresholds)
        self.known_benign = known_benign or KnownBenign()
        self._seen = VerdictCache(reuse.duplicate_bytes)
        self._engine = engine
        # Only the NumPy engine tells how a score grew; it gives every other engine's numbers within 1e-5.
        self._tracer = engine if isinstance(engine, (NumpyEngine, StandbyEngine)) else NumpyEngine(artifact)
        self._tokenizer = artifact.tokenizer
        self._preparation = text_preparation(artifact.text)
        self._reading = artifact.network.sequence

    @property
    def reads_plain_texts(self) -> bool:
        """Whether the model was made for texts rather than for requests."""
        return self._preparation.version == PlainText.version

    @property
    def engine(self) -> str:
        """The name of the engine at work."""
        return self._engine.name

    @property
    def spared(self) -> Mapping[str, float]:
        """Shares of the work that were not done twice since the start: of texts, and of the characters of the others."""
        shares = {"duplicates": self._seen.found / max(1, self._seen.asked)}
        reuse = self._engine.reuse
        if reuse is not None:
            shares["prefixes_in_batch"] = reuse.in_batch / max(1, reuse.ids)
            shares["prefixes_across_batches"] = reuse.across_batches / max(1, reuse.ids)
        return shares

    def text(self, request: Request) -> CanonicalText:
        """Return the text that the model reads for a request."""
        return self._preparation.prepare(request)

    def classify(self, requests: Sequence[Request]) -> list[Verdict]:
        """Return a verdict for each request, in their order.

        The worst window speaks for a text that is longer than the network reads at once, see `Windows.worst`. Texts that
        are equal are scored once, in this call and for as long as they are remembered.

        Blocks for one pass of tokenizer and engine over the different texts, and for an explanation of each attack that
        may be known to be benign. Memory is about 12 bytes a character.
        """
        texts = [self._preparation.text(request) for request in requests]
        different = dict.fromkeys(texts)
        known = self._seen.find(different)
        new = [text for text in different if text not in known]
        if new:
            windows = cut(self._tokenizer.encode(new), self._reading)
            verdicts = self._verdicts(windows, self._engine.score(windows.batch))
            self._seen.keep(new, verdicts)
            known.update(zip(new, verdicts, strict=True))
        judged = [known[text] for text in texts]
        return self._spared(requests, judged) if self.known_benign else judged

    def _spared(self, requests: Sequence[Request], verdicts: list[Verdict]) -> list[Verdict]:
        """Raise the threshold of those attacks whose suspicious field is known to be benign up to some score."""
        suspects = [
            place
            for place, verdict in enumerate(verdicts)
            if verdict.is_attack and self.known_benign.may_hold(requests[place])
        ]
        explanations = self.explain_all([requests[place] for place in suspects])
        for place, explanation in zip(suspects, explanations, strict=True):
            if explanation is None:
                continue
            ceiling = self.known_benign.ceiling(requests[place], explanation.field)
            if ceiling is not None and ceiling >= self.threshold:
                # The ceiling itself is still benign, a threshold is already an attack.
                verdicts[place] = msgspec.structs.replace(verdicts[place], threshold=math.nextafter(ceiling, math.inf))
        return verdicts

    def explain(self, request: Request) -> Explanation | None:
        """Return what drove one request's score, or None where nothing raised it. See `explain_all`."""
        return self.explain_all([request])[0]

    def explain_all(self, requests: Sequence[Request]) -> list[Explanation | None]:
        """Return what drove each request's score; None where nothing in it raised it.

        Blocks for about twice as long as `classify` on the same requests; one by one it would be ten times that.
        """
        if not requests:
            return []
        texts = [self.text(request) for request in requests]
        tokens = [self._tokenizer.offsets(text.text) for text in texts]
        batch = TokenBatch(
            np.concatenate([ids for ids, _ in tokens]), np.array([len(ids) for ids, _ in tokens], np.int32)
        )
        windows = cut(batch, self._reading)
        traces = self._tracer.trace(windows.batch)
        explanations = []
        for row, (text, (_, starts)) in enumerate(zip(texts, tokens, strict=True)):
            end = int(windows.first[row + 1]) if row + 1 < len(texts) else len(traces)
            winner = int(windows.first[row] + _ends(traces[windows.first[row] : end]).argmax())
            ends = np.maximum(np.append(starts[1:], np.int32(len(text.text))), starts + 1)
            # A network that truncates reads the last ids; `skipped` tells where a window's begin.
            read = len(traces[winner]) - 1
            begin = int(windows.skipped[winner] + windows.batch.lengths[winner]) - read
            seen = slice(begin, begin + read)
            explanations.append(explain(text, starts[seen], ends[seen], traces[winner]))
        return explanations

    def _verdicts(self, windows: Windows, scores: Scores) -> list[Verdict]:
        probability, winners = windows.worst(self._scale.probability(scores))
        if scores.kind is None:
            return [Verdict(score, self.threshold) for score in probability.tolist()]
        kinds = scores.kind[winners].argmax(axis=1).tolist()
        return [
            Verdict(score, self.threshold, self.kinds[kind])
            for score, kind in zip(probability.tolist(), kinds, strict=True)
        ]


def _ends(traces: list[FloatArray]) -> FloatArray:
    """Return where each trace ends; an overflow counts as the most, as it does in a verdict."""
    ends: FloatArray = np.array([trace[-1] for trace in traces], np.float32)
    ends[np.isnan(ends)] = np.inf
    return ends


def load_detector(
    ref: str | Path = "default",
    *,
    engine: str = "auto",
    threshold: float | None = None,
    fp_rate: float | None = None,
    known_benign: KnownBenign | None = None,
    reuse: ReuseLimits = ReuseLimits(),  # noqa: B008 - it is frozen
    compile_beside: bool = False,
) -> Detector:
    """Return a detector over a bundled model or one in a directory.

    Args:
        ref: the model.
        engine: runs its network.
        threshold: the score from which a request counts as an attack; None for the artifact's own.
        fp_rate: the share of benign requests that may reach the threshold, in place of a threshold.
        known_benign: requests that count as an attack only from higher scores on.
        reuse: what may be kept so that no work is done twice.
        compile_beside: see `engines.engine`.

    Raises:
        ArtifactError: the model is missing, changed, or cannot be used, or its false-positive rates were not measured.
        UnsupportedError: it is newer than this release, or asks for what the engine cannot do.
        MissingExtraError: the engine needs what is not installed.
    """
    artifact = load(ref)
    if fp_rate is not None:
        threshold = artifact.threshold_for(fp_rate).threshold
    chosen = engines.engine(engine, artifact, reuse, compile_beside=compile_beside)
    return Detector(artifact, chosen, threshold, known_benign, reuse)
