"""Looks: texts and requests that others wrote after a model was made, to judge the next one by, a folder each."""

from __future__ import annotations

from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
LATER: Final = (
    "second_look",
    "third_look",
    "fourth_look",
    "fifth_look",
    "sixth_look",
    "seventh_look",
    "eighth_look",
    "ninth_look",
)
FOLDERS: Final = (HERE, *(HERE / name for name in LATER))
"""The first look stands beside the tests."""
