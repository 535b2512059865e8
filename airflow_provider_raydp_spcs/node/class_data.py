"""``python -m airflow_provider_raydp_spcs.node.class_data``: makes the archive of class data for Spark's JVMs on this machine.

The JVM lays out thousands of classes once, as it wants them in memory; each later start maps that file instead. Images are
built with it; on a machine of one's own ``make class-data`` makes it. It takes a minute of one core,
1 GB of memory and 160 MB of disk, and fits one Java and one set of jars: another set gets another archive, and JVMs that
find none start as ever.

Which classes are worth it, ``spark_classes.txt.xz`` tells: those that driver, app master and executors loaded in a job that
reads, joins, writes and exchanges data with Ray. With other releases of Spark or Ray, names that are no more are left out.
Make it anew with ``python -m tests.benchmarks.class_list``.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import lzma
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.node.errors import JavaNotFoundError
from airflow_provider_raydp_spcs.node.java import find_java
from airflow_provider_raydp_spcs.runtime.errors import ClassDataError, JarsNotFoundError
from airflow_provider_raydp_spcs.runtime.jars import class_path, find_jars
from airflow_provider_raydp_spcs.runtime.jvms import archive_path

CLASSES: Final = Path(__file__).parent / "spark_classes.txt.xz"
_HEAP: Final = "-Xmx1g"
_MINUTES: Final = 30
_OTHERS_OPTIONS: Final = ("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS")


def make_archive() -> Path:
    """The archive for this machine's Java and jars; made where it is not there.

    Whoever comes while another process makes it waits for that.

    :raises ClassDataError: Java could not make it.
    :raises JavaNotFoundError: there is no Java.
    :raises JarsNotFoundError: RayDP, Spark or Ray is not installed.
    """
    java_home = find_java()
    jars = find_jars()
    archive = archive_path(java_home, jars)
    if archive.is_file():
        return archive
    archive.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(archive.with_suffix(".lock")):
        if not archive.is_file():
            _dump(java_home / "bin" / "java", jars, archive)
    return archive


def _dump(java: Path, jars: tuple[Path, ...], archive: Path) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        classes, new = Path(folder) / "classes", Path(folder) / "new.jsa"
        classes.write_bytes(lzma.decompress(CLASSES.read_bytes()))
        options = ["-Xshare:dump", f"-XX:SharedClassListFile={classes}", f"-XX:SharedArchiveFile={new}", _HEAP]
        # Another collector chosen there could not lay out the heap's part.
        environment = {name: value for name, value in os.environ.items() if name not in _OTHERS_OPTIONS}
        try:
            done = subprocess.run(
                [str(java), *options, "-cp", class_path(jars)],
                capture_output=True,
                text=True,
                timeout=60 * _MINUTES,
                check=False,
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            msg = f"no archive of class data after {_MINUTES} minutes; is the machine overloaded?"
            raise ClassDataError(msg) from error
        if done.returncode or not new.is_file():
            msg = (
                f"Java made no archive of class data (exit code {done.returncode}): {_last_line(done.stdout + done.stderr)}. "
                f"It needs 1 GB of memory, and 400 MB of disk in {archive.parent}"
            )
            raise ClassDataError(msg)
        new.rename(archive)
    for other in archive.parent.glob(f"*{archive.suffix}"):
        if other != archive:  # of a Java or of jars that were here before
            other.unlink()


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Make it, and tell where it lies."""
    argparse.ArgumentParser(
        prog="airflow_provider_raydp_spcs.node.class_data",
        description="Make the archive of class data that lets Spark's JVMs start in a third of the time.",
    ).parse_args()
    with contextlib.suppress(BrokenPipeError):
        try:
            sys.stdout.write(f"{make_archive()}\n")
        except (ClassDataError, JavaNotFoundError, JarsNotFoundError, OSError) as error:
            sys.stderr.write(f"no archive of class data, so Spark will start slower: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
