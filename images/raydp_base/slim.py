"""Removes from the image's packages what no node uses: their tests, and programs for other machines.

Run in the layer that installed them, for a later layer would only hide them.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

TESTED = ("numpy", "pandas", "pyarrow", "pyspark")
# Cluster managers that RayDP takes the place of.
UNUSED_JARS = ("kubernetes-*.jar", "mesos-*.jar", "spark-kubernetes_*.jar", "spark-mesos_*.jar")
NATIVE = (".so", ".dll", ".jnilib", ".dylib")
FOREIGN = (
    "aarch64",
    "aix",
    "android",
    "arm",
    "darwin",
    "freebsd",
    "linux32",
    "loongarch",
    "mac",
    "mips",
    "musl",
    "osx",
)
FOREIGN += ("ppc", "riscv", "s390", "sunos", "win", "i386", "linux/x86/")


def main(environment: Path) -> None:
    """Remove it from a virtual environment; what is not there is no concern."""
    (site,) = environment.glob("lib/python3*/site-packages")
    for package in TESTED:
        for folder in sorted((site / package).rglob("tests")):
            shutil.rmtree(folder, ignore_errors=True)
    jars = site / "pyspark" / "jars"
    for pattern in UNUSED_JARS:
        for jar in jars.glob(pattern):
            jar.unlink()
    for jar in jars.glob("*.jar"):
        _drop_foreign(jar)


def _drop_foreign(jar: Path) -> None:
    """Leave out a jar's native libraries for other systems and processors."""
    with zipfile.ZipFile(jar) as source:
        foreign = [entry for entry in source.infolist() if _is_foreign(entry.filename.lower())]
        if not foreign:
            return
        names = {entry.filename for entry in foreign}
        smaller = jar.with_suffix(".new")
        with zipfile.ZipFile(smaller, "w", zipfile.ZIP_DEFLATED) as target:
            for entry in source.infolist():
                if entry.filename not in names:
                    target.writestr(entry, source.read(entry))
    smaller.replace(jar)


def _is_foreign(name: str) -> bool:
    return name.endswith(NATIVE) and any(word in name for word in FOREIGN)


main(Path(sys.argv[1]))
