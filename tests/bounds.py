"""Bounds that are asked of the shipped model and that it does not hold yet."""

from __future__ import annotations

import pytest


def short_of(reason: str) -> pytest.MarkDecorator:
    """Return the mark of such a bound, which says by how much; it fails as soon as the model holds it."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)
