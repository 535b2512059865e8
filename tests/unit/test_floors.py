"""Imports go one way: each room may import the rooms named beside it, and nothing else of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "airflow_provider_raydp_spcs"
ROOT = Path(__file__).resolve().parents[2] / PACKAGE

# Leaves that every room may use.
LEAVES = {"container_engine", "patience", "ports", "shipped", "version", "watching", ""}
ALLOWED: dict[str, set[str]] = {
    "spcs": set(),
    "cluster": {"spcs"},
    "jobs": {"cluster", "spcs"},
    "node": {"cluster", "spcs", "runtime"},
    "runtime": {"spcs"},
    "local": {"spcs"},
    "images": {"spcs"},
    "hooks": {"cluster", "jobs", "spcs"},
    "retries": {"cluster", "jobs", "spcs"},
    "links": {"cluster"},
    "triggers": {"hooks", "cluster", "jobs", "spcs"},
    "operators": {"hooks", "triggers", "links", "retries", "cluster", "jobs", "spcs"},
    "sensors": {"hooks", "triggers", "operators", "retries", "cluster", "jobs", "spcs"},
    "decorators": {"operators", "jobs"},
    "task_groups": {"operators", "cluster"},
    "plugin": {"operators", "decorators", "links"},
    "streamlit": {"cluster", "spcs"},
    "cli": {"hooks", "cluster", "images", "jobs", "local", "spcs", "node", "streamlit"},
}
WITHOUT_AIRFLOW = {"streamlit", "images", "spcs", "cluster", "jobs", "node", "runtime", "local"}
MAX_LINES = 400


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if "_shipped" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    """Absolute names of every module that the file imports, wherever in it."""
    here = [PACKAGE, *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])
            if node.module in (None, PACKAGE):
                yield from (".".join([*(base or [PACKAGE]), alias.name]) for alias in node.names)


def room_of(module: str) -> str:
    return module.removeprefix(PACKAGE).removeprefix(".").split(".")[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards_only(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if room not in ALLOWED:
        return
    own = [name for name in imported(path) if name.split(".")[0] == PACKAGE]
    rooms = {room_of(name) for name in own} & set(ALLOWED)
    assert rooms <= ALLOWED[room] | {room}, f"{room} must not import {sorted(rooms - ALLOWED[room] - {room})}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_inner_rooms_do_not_know_airflow(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    if room in WITHOUT_AIRFLOW:
        assert not [name for name in imported(path) if name.split(".")[0] == "airflow"]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_one_idea_per_file(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_every_room_is_named() -> None:
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert rooms <= set(ALLOWED), "name the new room and what it may import in ALLOWED"


def test_local_knows_only_the_specification_and_leaves_of_spcs() -> None:
    """The local Snowflake is handed SQL; it must not share the client's own rendering and reading of it."""
    for path in (ROOT / "local").rglob("*.py"):
        for name in imported(path):
            if room_of(name) == "spcs" and name.startswith(f"{PACKAGE}.spcs."):
                assert name.split(".")[2] in {
                    "specification",
                    "specification_rules",
                    "instance_families",
                    "errors",
                    "session",
                }, (path, name)
