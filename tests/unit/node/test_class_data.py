"""Making the archive of class data, with a Java that only pretends."""

from __future__ import annotations

import lzma
import threading
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.node import class_data
from airflow_provider_raydp_spcs.runtime.errors import ClassDataError
from airflow_provider_raydp_spcs.runtime.jvms import VARIABLE
from tests.benchmarks.class_list import merged

MAKES = """#!/bin/sh
echo "run$JDK_JAVA_OPTIONS" >> "$(dirname "$0")/runs"
for option; do
  case $option in
    -XX:SharedClassListFile=*) head -n 1 "${option#*=}" > "$(dirname "$0")/seen";;
    -XX:SharedArchiveFile=*) echo data > "${option#*=}";;
  esac
done
"""
FAILS = """#!/bin/sh
echo 'Error occurred during initialization of VM'
echo 'not enough memory' >&2
exit 1
"""


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "java"
    (home / "bin").mkdir(parents=True)
    (home / "release").write_text("17")
    program = home / "bin" / "java"
    program.write_text(MAKES)
    program.chmod(0o700)
    jar = tmp_path / "a.jar"
    jar.touch()
    monkeypatch.setattr(class_data, "find_java", lambda: home)
    monkeypatch.setattr(class_data, "find_jars", lambda: (jar,))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "data"))
    return program


def test_it_is_made_once_whoever_asks(java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-XX:+UseSerialGC")
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(class_data.make_archive())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(found)) == 1
    assert found[0].read_text() == "data\n"
    assert (java.parent / "runs").read_text() == "run\n"
    assert found[0].parent.stat().st_mode & 0o077 == 0


def test_java_gets_the_names_of_the_classes(java: Path) -> None:
    class_data.make_archive()
    assert (java.parent / "seen").read_text() == "java/lang/Object\n"


def test_the_archive_of_other_jars_goes(java: Path, tmp_path: Path) -> None:
    first = class_data.make_archive()
    (tmp_path / "a.jar").write_text("newer")
    second = class_data.make_archive()
    assert second.is_file()
    assert not first.exists()


def test_a_java_that_cannot_is_quoted_and_leaves_nothing_behind(java: Path, tmp_path: Path) -> None:
    java.write_text(FAILS)
    with pytest.raises(ClassDataError, match=r"exit code 1\): not enough memory"):
        class_data.make_archive()
    assert [file.suffix for file in (tmp_path / "data").iterdir()] == [".lock"]


def test_the_command_tells_where_it_lies_or_why_there_is_none(
    java: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["class_data"])
    assert class_data.main() == 0
    archive = Path(capsys.readouterr().out.strip())
    assert archive.is_file()
    archive.unlink()
    java.write_text(FAILS)
    assert class_data.main() == 1
    assert "Spark will start slower: Java made no archive" in capsys.readouterr().err


def test_the_list_names_classes_of_every_part() -> None:
    names = lzma.decompress(class_data.CLASSES.read_bytes()).decode().split()
    for name in ("java/lang/String", "org/apache/spark/SparkContext", "io/ray/runtime/AbstractRayRuntime"):
        assert name in names
    assert "org/apache/spark/executor/RayDPExecutor" in names
    assert "org/apache/spark/deploy/raydp/RayAppMaster" in names


def test_lists_of_several_jvms_become_one() -> None:
    first = ["# comment", "a/A", "@lambda-proxy a/A run", "a/B id: 7 super: 1 source: x.jar"]
    assert list(merged([first, ["a/C", "a/A", "@lambda-form-invoker x"]])) == [
        "a/A",
        "a/C",
        "@lambda-proxy a/A run",
        "@lambda-form-invoker x",
    ]
