"""The section `model` to the model at work, and to the one in its shadow."""

from __future__ import annotations

from weirlog.daemon.config import Model
from weirlog.models.detector import Detector, load_detector
from weirlog.models.engines import ReuseLimits
from weirlog.models.errors import ArtifactError
from weirlog.models.known_benign import KnownBenign, Pattern, Place


def load_live(model: Model) -> Detector:
    """Return the detector that the configuration asks for.

    Raises:
        ArtifactError: the model cannot be used, has no false-positive rates to choose its threshold by, or is another
            than the one that the tuning was made for.
    """
    chosen, tuning = model.chosen_threshold, model.tuning
    patterns = () if tuning is None else tuning.tuning.known_benign
    detector = load_detector(
        model.ref,
        engine=model.engine,
        threshold=chosen.score,
        fp_rate=chosen.rate(),
        reuse=_reuse(model),
        known_benign=KnownBenign(
            Pattern(Place(pattern.method, pattern.path, pattern.field), pattern.ceiling) for pattern in patterns
        ),
        compile_beside=True,
    )
    if tuning is not None and tuning.tuning.model.digest != detector.digest:
        expected = tuning.tuning.model
        raise ArtifactError(
            f"{tuning.path}: made for model {expected.name} {expected.digest[:12]}, and model {detector.name} is "
            f"{detector.digest[:12]}: its scores mean something else; run `weirlog tune` again, or leave out model.tuning"
        )
    return detector


def load_shadow(model: Model) -> Detector | None:
    """Return the detector that reads along, if there is one.

    A false-positive rate holds for it as for the model at work, so that both may be compared at the same rate. A score
    or a tuning belongs to the other model: its own threshold holds.

    Raises:
        ArtifactError: the model cannot be used, or has no false-positive rates where one is asked for.
    """
    if model.shadow is None:
        return None
    return load_detector(
        model.shadow,
        engine=model.engine,
        fp_rate=model.chosen_threshold.rate(),
        reuse=_reuse(model),
        compile_beside=True,
    )


def _reuse(model: Model) -> ReuseLimits:
    return ReuseLimits(model.share_prefixes, model.prefix_memory, model.duplicate_memory)
