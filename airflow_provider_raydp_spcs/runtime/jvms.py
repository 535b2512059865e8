"""How the JVMs of a Spark session are started quickly: options for each kind of them.

Nearly all that a JVM of Spark does in its first seconds is to read, check and compile thousands of classes. An archive of
class data (``node/class_data.py`` makes it) holds them as the JVM wants them in memory; it fits one exact Java and class path,
so its name tells both. A JVM that finds none, or one that does not fit, starts without a word, only slower.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

VARIABLE: Final = "RAYDP_CLASS_DATA_DIR"
"""Environment variable with the folder of archives, where it shall be another one."""
_COLLECTOR: Final = re.compile(r"-XX:\+Use\w+GC\b")


class Jvm(StrEnum):
    """What a JVM is for."""

    DRIVER = "driver"
    APP_MASTER = "app master"
    EXECUTOR = "executor"


_QUICK: Final = "-XX:TieredStopAtLevel=1"
"""Compile once, quickly. What runs for long is slower than with the second compiler, so only where little is computed.

Options that the user gives come later on the command line, and win: ``-XX:TieredStopAtLevel=4`` brings it back.
"""
_COMPILER: Final[Mapping[Jvm, tuple[str, ...]]] = {
    Jvm.DRIVER: (_QUICK,),
    Jvm.APP_MASTER: (_QUICK,),
    Jvm.EXECUTOR: (),
}
_SMALL_COLLECTOR: Final = "-XX:+UseSerialGC"
_COLLECTORS: Final[Mapping[Jvm, tuple[str, ...]]] = {
    Jvm.DRIVER: (_SMALL_COLLECTOR,),
    Jvm.APP_MASTER: (_SMALL_COLLECTOR,),
    Jvm.EXECUTOR: (),
}


def archive_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where archives lie: inside this Python environment, whose jars they belong to and with which they go."""
    given = environment.get(VARIABLE)
    return Path(given) if given else Path(sys.prefix) / "share" / "raydp-spcs" / "class-data"


def archive_path(java_home: Path, jars: Sequence[Path], environment: Mapping[str, str] = os.environ) -> Path:
    """The archive for this Java and these jars, whether it is there or not."""
    seen = hashlib.sha256((java_home / "release").read_bytes())
    for jar in jars:
        state = jar.stat()
        seen.update(f"\n{jar} {state.st_size} {int(state.st_mtime)}".encode())
    return archive_folder(environment) / f"{seen.hexdigest()[:16]}.jsa"


def quick_options(
    kind: Jvm, archive: Path, given: Sequence[str] = (), environment: Mapping[str, str] = os.environ
) -> list[str]:
    """Options with which such a JVM is there sooner.

    :param archive: where its class data lies; left out where it is not there, for a JVM that looks for it in vain does not
        take Java's own either.
    :param given: options that the user chose. A JVM refuses to start with two collectors, so theirs is the only one.
    """
    chosen = " ".join([*given, environment.get("JDK_JAVA_OPTIONS", "")])
    collector = () if _COLLECTOR.search(chosen) else _COLLECTORS[kind]
    classes = (f"-XX:SharedArchiveFile={archive}", "-Xshare:auto") if archive.is_file() else ()
    return [*classes, *_COMPILER[kind], *collector]
