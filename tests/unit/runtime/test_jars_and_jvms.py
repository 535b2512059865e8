"""The jars of a Spark session, the name of their class data, and the options of each JVM."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime.errors import JarsNotFoundError
from airflow_provider_raydp_spcs.runtime.jars import class_path, find_agent, find_jars
from airflow_provider_raydp_spcs.runtime.jvms import VARIABLE, Jvm, archive_folder, archive_path, quick_options


def test_every_jar_is_named_in_raydps_order() -> None:
    jars = find_jars()
    names = [jar.name for jar in jars]
    assert next(name for name in names if name.startswith("raydp")) == names[0]
    assert names[-1] == "ray_dist.jar"
    assert any(name.startswith("spark-core_") for name in names)
    assert all(jar.is_file() for jar in jars)
    assert class_path(jars).split(os.pathsep) == [str(jar) for jar in jars]
    assert find_jars() == jars
    assert find_agent() in jars


@pytest.mark.parametrize("has_folder", [True, False])
def test_a_package_without_jars_is_named(has_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec: Any = SimpleNamespace(origin=str(tmp_path / "__init__.py")) if has_folder else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    with pytest.raises(JarsNotFoundError, match="raydp"):
        find_jars()
    with pytest.raises(JarsNotFoundError):
        find_agent()


def make(folder: Path) -> tuple[Path, list[Path]]:
    (folder / "release").write_text('JAVA_VERSION="17.0.9"')
    jar = folder / "a.jar"
    jar.write_bytes(b"1")
    return folder, [jar]


def test_another_java_or_another_jar_has_another_archive(tmp_path: Path) -> None:
    java, jars = make(tmp_path)
    first = archive_path(java, jars, {VARIABLE: "/data"})
    assert first.parent == Path("/data")
    assert archive_path(java, jars, {VARIABLE: "/data"}) == first
    jars[0].write_bytes(b"12")
    second = archive_path(java, jars, {VARIABLE: "/data"})
    os.utime(jars[0], (1, 1))
    third = archive_path(java, jars, {VARIABLE: "/data"})
    (java / "release").write_text('JAVA_VERSION="21"')
    assert len({first, second, third, archive_path(java, jars, {VARIABLE: "/data"})}) == 4


def test_archives_lie_beside_the_jars_unless_told_otherwise() -> None:
    assert archive_folder({VARIABLE: "/opt/data"}) == Path("/opt/data")
    assert archive_folder({}).is_relative_to(sys.prefix)


@pytest.mark.parametrize("kind", list(Jvm))
def test_each_jvm_maps_the_archive_and_has_one_collector_at_most(kind: Jvm, tmp_path: Path) -> None:
    archive = tmp_path / "x.jsa"
    assert not [option for option in quick_options(kind, archive, [], {}) if "Shared" in option or "share" in option], (
        "without it, Java's own is mapped"
    )
    archive.touch()
    options = quick_options(kind, archive, [], {})
    assert f"-XX:SharedArchiveFile={archive}" in options
    given = quick_options(kind, archive, ["-XX:+UseZGC"], {})
    assert not [option for option in given if option.startswith("-XX:+Use")]
    inherited = quick_options(kind, archive, [], {"JDK_JAVA_OPTIONS": "-XX:+UseParallelGC"})
    assert not [option for option in inherited if option.startswith("-XX:+Use")]


def test_only_what_computes_little_is_compiled_once() -> None:
    quick = "-XX:TieredStopAtLevel=1"
    archive = Path("/data/x.jsa")
    assert quick in quick_options(Jvm.APP_MASTER, archive, [], {})
    assert quick not in quick_options(Jvm.EXECUTOR, archive, [], {})
