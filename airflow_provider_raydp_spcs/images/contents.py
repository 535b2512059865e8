"""What images are built from: Dockerfiles, pinned versions, and the package's own wheel, together in one folder.

Versions come from one place: ``constraints.txt`` and the extra ``[cluster]`` of the package, which the wheel itself
names in its metadata. So an image holds what the package of the same version was tested with.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.images.errors import UnknownImageError, WheelMissingError
from airflow_provider_raydp_spcs.shipped import shipped, shipped_constraints
from airflow_provider_raydp_spcs.version import __version__

DISTRIBUTION: Final = "airflow-provider-raydp-spcs"
BASE: Final[str] = "raydp_base"
ON_BASE: Final[tuple[str, ...]] = ("raydp_head", "raydp_worker", "raydp_custom_worker")
"""Takes Ray's dashboards out of the base."""
NOTEBOOK: Final = ("jupyterlab",)
"""Packages of the extra that only the head has."""
_LEFT_OUT: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
_MADE: Final = 1_700_000_000
"""Time of every file, in seconds since the epoch: engines look at it when they look for a layer they know."""


def image_names(chosen: Iterable[str] = ()) -> list[str]:
    """Names of the images, in the order of building: what others stand on comes first.

    :param chosen: some of them; none for all.
    :raises UnknownImageError: there is no such image.
    """
    folders = {path.parent.name for path in shipped("images").glob("*/Dockerfile")}
    names = [name for name in (BASE, *ON_BASE) if name in folders]
    names += sorted(folders - set(names))
    wanted = set(chosen)
    if unknown := sorted(wanted - set(names)):
        msg = f"there is no image {', '.join(unknown)}; allowed are {', '.join(names)}"
        raise UnknownImageError(msg)
    return [name for name in names if name in wanted] if wanted else names


def fill_context(folder: Path, wheel: Path | None = None) -> None:
    """Put everything that the Dockerfiles copy into a folder.

    :param wheel: of this package; by default it is made from the clone or from the installed package.
    :raises WheelMissingError: there is none and none can be made.
    """
    shutil.copytree(shipped("images"), folder / "images", dirs_exist_ok=True)
    shutil.copy(shipped_constraints(), folder / "constraints.txt")
    own = _checked(wheel) if wheel else make_wheel(folder)
    if own.parent != folder:
        shutil.copy(own, folder)
    needed = list(cluster_requirements(folder / own.name))
    for file, lines in (
        ("requirements.txt", [each for each in needed if not each.startswith(NOTEBOOK)]),
        ("notebook-requirements.txt", [each for each in needed if each.startswith(NOTEBOOK)]),
    ):
        (folder / file).write_text("".join(f"{line}\n" for line in lines))
    for path in folder.rglob("*"):
        os.utime(path, (_MADE, _MADE))


def cluster_requirements(wheel: Path) -> Iterator[str]:
    """What the extra ``[cluster]`` of a wheel requires."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    for line in lines:
        requirement, _, marker = line.removeprefix("Requires-Dist: ").partition(";")
        if line.startswith("Requires-Dist: ") and "extra == 'cluster'" in marker.replace('"', "'"):
            yield requirement.strip()


def make_wheel(folder: Path) -> Path:
    """The package's own wheel: built in a clone, put together again from an installed package.

    :raises WheelMissingError: neither is possible.
    """
    clone = shipped("images").parent
    if (clone / "pyproject.toml").is_file():
        return _build(clone, folder)
    return repack(importlib.metadata.distribution(DISTRIBUTION), folder)


def _build(clone: Path, folder: Path) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(clone)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = (
            f"the wheel of {clone} cannot be built here: {(done.stderr or done.stdout).strip()[-500:]}. "
            "Run 'make wheel' and give it with --wheel dist/…whl, or install the extra [dev]"
        )
        raise WheelMissingError(msg)
    (wheel,) = folder.glob("*.whl")
    return wheel


def repack(distribution: importlib.metadata.Distribution, folder: Path) -> Path:
    """Make the wheel that a package was installed from, out of its installed files.

    :raises WheelMissingError: the package was not installed from a wheel.
    """
    files = [file for file in distribution.files or () if _belongs(file)]
    if not any(file.name == "WHEEL" for file in files):
        msg = f"{DISTRIBUTION} was not installed from a wheel; give one with --wheel (make wheel, or: pip download --no-deps)"
        raise WheelMissingError(msg)
    name = DISTRIBUTION.replace("-", "_")
    target = folder / f"{name}-{distribution.version}-py3-none-any.whl"
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            content = Path(str(distribution.locate_file(file))).read_bytes()
            archive.writestr(zipfile.ZipInfo(str(file)), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.writerow([str(file), f"sha256={digest}", len(content)])
        own = f"{name}-{distribution.version}.dist-info/RECORD"
        rows.writerow([own, "", ""])
        archive.writestr(zipfile.ZipInfo(own), record.getvalue())
    return target


def _belongs(file: importlib.metadata.PackagePath) -> bool:
    """Whether an installed file came out of the wheel: scripts and byte code are made at installation."""
    return ".." not in file.parts and file.suffix != ".pyc" and file.name not in _LEFT_OUT


def _checked(wheel: Path) -> Path:
    if not wheel.is_file() or f"-{__version__}-" not in wheel.name:
        msg = f"{wheel} is no wheel of {DISTRIBUTION} {__version__}; the images hold the version that builds them"
        raise WheelMissingError(msg)
    return wheel.absolute()
