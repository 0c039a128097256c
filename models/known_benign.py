"""Ordinary requests of one site that look like attacks: known by where they go and which field of theirs looks so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from weirlog.models.request import Request

MOST_SEGMENTS: Final = 12
PATH_CHARACTERS: Final = 2_048
REST: Final = "{rest}"
ANY: Final = "{any}"
"""Method and path of what stands in a header: browsers send the same ones to every page."""

# What programmers name: letters, perhaps a digit or two as in "v2" and "oauth2". All else names one thing of many.
_WORD = re.compile(r"\.{1,2}|(?=.{1,40}\Z)[a-z_~.-]*[a-z_][a-z_~.-]*[0-9]{0,2}(?:\.[a-z]{1,5}[0-9]?)?")
_NUMBER = re.compile(r"[0-9]{1,40}")
_ID = re.compile(r"[a-z0-9_~.@:+,=-]{1,256}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SLUG_JOINTS: Final = 3
_METHOD = re.compile(r"[a-z]{1,16}")
_FIELD = re.compile(r"method|path|text|(?:query|body|header)(?:\.[\w.\[\]$@:-]{1,160})?")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """What requests that look suspicious in the same way have in common.

    Attributes:
        method: in lower case; ANY where the field is a header.
        path: the path's shape; see `path_shape`. ANY where the field is a header.
        field: the field that drove the score, as an Explanation names it.
    """

    method: str
    path: str
    field: str

    @property
    def is_plain(self) -> bool:
        """Whether nothing in it was made up by an attacker: a pattern for `query.<script>` would be one for attacks."""
        return bool(
            (self.method == ANY or _METHOD.fullmatch(self.method))
            and _FIELD.fullmatch(self.field)
            and self.field.isprintable()
        )


@dataclass(frozen=True, slots=True)
class Pattern:
    """Requests that are known to be benign up to a score.

    Attributes:
        place: which requests.
        ceiling: the highest score at which they still are; above it, such a request is an attack as any other.
    """

    place: Place
    ceiling: float


class KnownBenign:
    """Looks patterns up. Stateless."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self._ceilings = {pattern.place: pattern.ceiling for pattern in patterns}
        self._pages = {(place.method, place.path) for place in self._ceilings}

    def __len__(self) -> int:
        return len(self._ceilings)

    def may_hold(self, request: Request) -> bool:
        """Return whether a pattern may be for `request`, whatever drove its score; mostly there is none."""
        return (ANY, ANY) in self._pages or (method_of(request), path_shape(request.path)) in self._pages

    def ceiling(self, request: Request, field: str) -> float | None:
        """Return up to which score `request` is benign where `field` drove it; None where no pattern is for it."""
        return self._ceilings.get(place_of(request, field))


def place_of(request: Request, field: str) -> Place:
    """Return the place of a request whose score was driven by `field`."""
    if field.startswith("header."):
        return Place(ANY, ANY, field)
    return Place(method_of(request), path_shape(request.path), field)


def method_of(request: Request) -> str:
    """Return the method, or "{other}" for what is no method."""
    method = request.method[:32].lower()
    return method if _METHOD.fullmatch(method) else "{other}"


def path_shape(path: str) -> str:
    """Return `path` with what varies from request to request replaced, in lower case.

    A segment stays where it is a word; else it becomes `{number}`, `{id}` (letters and digits), `{slug}` (many words) or
    `{text}` (anything else). The query is no part of a path here. At most MOST_SEGMENTS segments are looked at.
    """
    segments = path[:PATH_CHARACTERS].lower().split("/", MOST_SEGMENTS + 1)
    shapes = [_segment_shape(segment) for segment in segments[: MOST_SEGMENTS + 1]]
    return "/".join([*shapes, REST] if len(segments) > MOST_SEGMENTS + 1 else shapes)


def _segment_shape(segment: str) -> str:
    if not segment:
        return ""
    if _UUID.fullmatch(segment):
        return "{id}"
    if segment.count("-") + segment.count("_") >= _SLUG_JOINTS and _ID.fullmatch(segment):
        return "{slug}"
    if _WORD.fullmatch(segment):
        return segment
    if _NUMBER.fullmatch(segment):
        return "{number}"
    return "{id}" if _ID.fullmatch(segment) else "{text}"
