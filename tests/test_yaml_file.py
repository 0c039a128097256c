"""The configuration's file: plain YAML, bounded, or a reason with a line."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from configurations import LEAST, Load, load_text, the_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from weirlog.daemon.config import ConfigurationError, load_config
from weirlog.daemon.yaml_file import FILE_LIMIT_BYTES, YamlError, parse_yaml


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return partial(load_text, tmp_path)


def test_a_syntax_error_gives_line_and_column(load: Load) -> None:
    problem = the_problem(load, "sources:\n  - a: [1\n  b: 2\n")
    assert problem.line == 3
    assert "is not valid YAML, column " in problem.message


def test_a_key_that_stands_twice_is_refused(load: Load) -> None:
    problem = the_problem(load, "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    assert problem.line == 5
    assert "key 'c' stands here twice, first in line 3" in problem.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- a\n", "is no mapping"),
        ("text", "is no mapping"),
        ("a: !!python/object/apply:os.system [id]", "tags"),
        ("a: !secret x", "tags"),
        ("a: \x07", "control character"),
        ("a: b\n---\nc: d\n", "is not valid YAML"),
        ("? [a]\n: b\n", "a key is a list or a mapping"),
        ("a: " + "[" * 5000, "nested deeper than"),
        ("a: &a [*a]\n", "contains it"),
    ],
)
def test_what_is_no_plain_mapping_is_refused(load: Load, text: str, said: str) -> None:
    assert said in the_problem(load, text).message


def test_a_billion_laughs_are_refused_at_once(load: Load) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    started = time.perf_counter()
    assert "stands for more than" in the_problem(load, "\n".join(lines)).message
    assert time.perf_counter() - started < 5


def test_merges_cannot_multiply_either(load: Load) -> None:
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    assert "stands for more than" in the_problem(load, "\n".join(lines)).message


def test_a_file_past_the_limit_is_not_parsed(load: Load) -> None:
    assert "larger than 256 KiB" in the_problem(load, "#" * (FILE_LIMIT_BYTES + 1)).message


def test_a_missing_file_a_folder_and_a_binary_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"a: 1\nb: \xff\n")
    said = {}
    for name in ("nowhere.yaml", ".", "binary"):
        with pytest.raises(ConfigurationError) as caught:
            load_config(tmp_path / name)
        said[name] = str(caught.value)
    assert "no such file" in said["nowhere.yaml"]
    assert str(tmp_path) in said["nowhere.yaml"]
    assert "Is a directory" in said["."]
    assert "line 2: is not UTF-8" in said["binary"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "weirlog.yaml"
    path.write_text(LEAST)
    path.chmod(0)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        load_config(path)


def test_scalars_follow_yaml_1_2() -> None:
    content = parse_yaml(
        "[off, no, yes, 010, 1:30, 2020-01-01, 1_000, true, 12, -3, 1.5, 1e3, ~, 0x1F, +7, '12']"
    ).content
    assert content == [
        "off",
        "no",
        "yes",
        "010",
        "1:30",
        "2020-01-01",
        "1_000",
        True,
        12,
        -3,
        1.5,
        1000.0,
        None,
        "0x1F",
        7,
        "12",
    ]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.text("{}[]:,-&*!|>'\"%@`\n a<?#", max_size=60))
def test_whatever_the_text_is_it_is_read_or_refused(text: str) -> None:
    said = ""
    try:
        parse_yaml(text)
    except YamlError as error:
        said = str(error)
    assert said.isprintable()


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["sources", "sinks", "type", "paths", "security", "url", "secret", "model", "http", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_the_document_is_it_is_taken_or_refused_with_printable_lines(
    tmp_path_factory: pytest.TempPathFactory, document: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigurationError) as caught:
        load_config(path, {})
    assert caught.value.problems
    assert all(line.isprintable() for line in str(caught.value).splitlines())
