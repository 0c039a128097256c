"""The house's own rules: imports point one way, TensorFlow is nobody's load but training's."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("daemon", "pipeline", "models")
VALUE_TYPES = {"weirlog.models.request", "weirlog.models.verdict", "weirlog.models.errors"}
TENSORFLOW = {"tensorflow", "keras"}
ASSEMBLERS = {
    *("assemble", "cli", "cli_models", "cli_training", "running", "score", "scoring_run", "explain", "bench"),
    *(
        "bench_engines",
        "bench_requests",
        "bench_worker",
        "tune",
        "tune_proposal",
        "tune_report",
        "cli_options",
        "cli_tune",
    ),
    *("log_formats", "configured_model"),
}
"""The files of daemon/ that may know models beyond its value types: the assembly and the command line."""


def modules(room: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / room).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text())


def imports(tree: ast.Module, *, top_level: bool = False) -> Iterator[str]:
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_of(tree: ast.Module) -> set[str]:
    return {name.split(".")[1] for name in imports(tree) if name.startswith("weirlog.")}


@pytest.mark.parametrize(("room", "allowed"), [("models", {"models"}), ("pipeline", {"models", "pipeline"})])
def test_imports_point_one_way(room: str, allowed: set[str]) -> None:
    assert {name: rooms for name, tree in modules(room) if not (rooms := rooms_of(tree)) <= allowed} == {}


def test_the_pipeline_knows_only_the_value_types_of_models() -> None:
    known = {
        (name, imported)
        for name, tree in modules("pipeline")
        for imported in imports(tree)
        if imported.startswith("weirlog.models") and not any(imported.startswith(value) for value in VALUE_TYPES)
    }
    assert known - {(name, "weirlog.models") for name, _ in known} == set()


def test_in_the_daemon_only_the_assembly_and_the_command_line_know_models() -> None:
    strangers = {
        name
        for name, tree in modules("daemon")
        if "models" in rooms_of(tree) and name.removeprefix("daemon.") not in ASSEMBLERS
    }
    assert strangers == set()


@pytest.mark.parametrize("room", ROOMS)
def test_tensorflow_is_never_imported_at_the_top_of_a_file(room: str) -> None:
    guilty = {
        name for name, tree in modules(room) if TENSORFLOW & {i.split(".")[0] for i in imports(tree, top_level=True)}
    }
    assert guilty == set()


@pytest.mark.parametrize("room", ROOMS)
def test_nobody_imports_a_room_by_its_bare_name(room: str) -> None:
    guilty = {name for name, tree in modules(room) if set(ROOMS) & {i.split(".")[0] for i in imports(tree)}}
    assert guilty == set()


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["models", "presets"],
        ["explain", '{"method":"get","path":"/","query":{}}'],
        ["check-config", "--schema"],
    ],
)
def test_ordinary_commands_never_load_tensorflow(command: list[str]) -> None:
    """A daemon on a web host must stay small: Python says at its end what it has loaded."""
    script = (
        "import sys\n"
        "from weirlog.daemon.cli import main\n"
        f"sys.argv = ['weirlog', *{command!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "loaded = {'tensorflow', 'keras'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
