"""A YAML file read with suspicion: bounded in size, depth and expansion; plain data only; every key once.

Scalars follow the core schema of YAML 1.2: `off` and `no` are text, 010 is text, dates are text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from yaml.composer import ComposerError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from weirlog.daemon.printable import printable

FILE_LIMIT_BYTES = 256 * 1024
"""Some hundred times a long configuration; PyYAML takes about two seconds for it."""
DEPTH_LIMIT = 32
NODE_LIMIT = 20_000
"""Nodes after all aliases are written out: ten lines of nested aliases can stand for billions ("billion laughs")."""

KeyPath: TypeAlias = tuple[str | int, ...]


class YamlError(Exception):
    """The file cannot be read as YAML; the message is fit to be shown, `line` counts from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """What a file says, and where.

    Attributes:
        content: None for an empty file.
        lines: the line of every key and list item, from 1.
    """

    content: object
    lines: Mapping[KeyPath, int]

    def line_of(self, path: KeyPath) -> int | None:
        """Return the line where `path` stands, or the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_yaml(path: Path) -> YamlDocument:
    """Read one YAML document.

    Raises:
        YamlError: missing, unreadable, too large, not UTF-8, not YAML, or more than plain data.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise YamlError("there is no such file; give the path of a configuration file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise YamlError(f"cannot be read ({reason}); check its path, owner and mode") from None
    if len(raw) > FILE_LIMIT_BYTES:
        raise YamlError(f"is larger than {FILE_LIMIT_BYTES // 1024} KiB; a configuration is a few kB")
    try:
        return parse_yaml(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise YamlError("is not UTF-8 text; save it as UTF-8", raw.count(b"\n", 0, error.start) + 1) from None


def parse_yaml(text: str) -> YamlDocument:
    """As `read_yaml`, from text."""
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return YamlDocument(None, {})
        if _expanded_size(root, {}) > NODE_LIMIT:
            raise YamlError(f"stands for more than {NODE_LIMIT} values once its aliases are written out; use fewer")
        lines: dict[KeyPath, int] = {(): root.start_mark.line + 1}
        _collect_lines(root, (), lines)
        return YamlDocument(loader.construct_document(root), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", column {mark.column + 1}" if mark else ""
        raise YamlError(f"is not valid YAML{where}: {_problem(error)}", mark.line + 1 if mark else None) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError("is not valid YAML: a control character stands in it; remove it", line) from None
    finally:
        if loader is not None:
            loader.dispose()


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or "unreadable"
    if "undefined alias" in problem:
        # PyYAML quotes the name, which is a piece of whatever was written: an unquoted password, say.
        return "an alias (*) without its anchor (&); put quotes around text that begins with *"
    return printable(problem, 200)


_MERGE, _TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    """SafeLoader without tags, deep nesting and doubled keys, and with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 -- PyYAML's own table
    _depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it open
        if getattr(event, "tag", None) is not None:
            raise ComposerError(
                None, None, "tags (!) are not taken; put quotes around text that begins with !", event.start_mark
            )
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise ComposerError(None, None, f"nested deeper than {DEPTH_LIMIT} levels", event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise ComposerError(None, None, "a key is a list or a mapping; use text", key.start_mark)
            if key.value in seen:
                text = (
                    f"key '{printable(key.value, 60)}' stands here twice, first in line {seen[key.value]}; remove one"
                )
                raise ComposerError(None, None, text, key.start_mark)
            seen[key.value] = key.start_mark.line + 1
            if key.tag != _MERGE:
                key.tag = _TEXT  # 1: and true: are names as well
        return node


for _tag, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,17})", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:[0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18}|[0-9]{1,18}(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^{_pattern}$"), _first)


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def _expanded_size(node: Node, known: dict[Node, int]) -> int:
    """Return how many nodes `node` stands for; `known` holds 0 for those being counted, to find circles."""
    if node in known:
        if known[node] == 0:
            raise ComposerError(None, None, "an alias stands for something that contains it", node.start_mark)
        return known[node]
    known[node] = 0
    known[node] = 1 + sum(_expanded_size(child, known) for child in _children(node))
    return known[node]


def _collect_lines(node: Node, path: KeyPath, lines: dict[KeyPath, int]) -> None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            lines[(*path, key.value)] = key.start_mark.line + 1
            _collect_lines(value, (*path, key.value), lines)
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
            _collect_lines(item, (*path, index), lines)
