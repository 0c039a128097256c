"""Generators of labelled traffic, seeded: sites and harmless texts, attacks by grammar, other spellings of both."""

from weirlog.models.corpus.attacks import KINDS
from weirlog.models.corpus.traffic import Labelled, demo_traffic, to_hapi_line, traffic

__all__ = ["KINDS", "Labelled", "demo_traffic", "to_hapi_line", "traffic"]
