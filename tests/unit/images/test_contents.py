"""What images are built from: names in order, versions from one place, the wheel."""

from __future__ import annotations

import importlib.metadata
import re
import zipfile
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.images import contents
from airflow_provider_raydp_spcs.images.errors import UnknownImageError, WheelMissingError
from airflow_provider_raydp_spcs.shipped import shipped, shipped_constraints
from airflow_provider_raydp_spcs.version import __version__

NAME = f"airflow_provider_raydp_spcs-{__version__}"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / f"{NAME}-py3-none-any.whl"
    metadata = [
        "Name: airflow-provider-raydp-spcs",
        "Requires-Dist: apache-airflow<4,>=3.3",
        "Requires-Dist: ray[data,default]<3,>=2.60; extra == 'cluster'",
        'Requires-Dist: jupyterlab>=4.4; extra == "cluster"',
        "Requires-Dist: ruff; extra == 'dev'",
        "",
        "text",
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{NAME}.dist-info/METADATA", "\n".join(metadata))
    return path


def test_what_others_stand_on_is_built_first() -> None:
    names = contents.image_names()
    assert names[:4] == ["raydp_base", "raydp_head", "raydp_worker", "raydp_custom_worker"]
    assert contents.image_names(["raydp_head", "raydp_base"]) == ["raydp_base", "raydp_head"]
    with pytest.raises(UnknownImageError, match="no image nope; allowed are raydp_base, "):
        contents.image_names(["nope"])


def test_the_context_holds_pinned_versions_and_no_airflow(tmp_path: Path, wheel: Path) -> None:
    folder = tmp_path / "context"
    folder.mkdir()
    contents.fill_context(folder, wheel)
    assert (folder / "requirements.txt").read_text() == "ray[data,default]<3,>=2.60\n"
    assert (folder / "notebook-requirements.txt").read_text() == "jupyterlab>=4.4\n"
    assert (folder / "constraints.txt").read_text() == shipped_constraints().read_text()
    assert (folder / wheel.name).is_file()
    times = {path.stat().st_mtime for path in folder.rglob("*")}
    assert len(times) == 1, "a layer is known again by its files' times as well"


def test_every_copied_file_is_in_the_context(tmp_path: Path, wheel: Path) -> None:
    folder = tmp_path / "context"
    folder.mkdir()
    contents.fill_context(folder, wheel)
    for dockerfile in shipped("images").glob("*/Dockerfile"):
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile.read_text(), flags=re.MULTILINE):
            for source in line.split()[:-1]:
                assert list(folder.glob(source)), (dockerfile, source)


def test_a_wheel_of_another_version_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "airflow_provider_raydp_spcs-99.0-py3-none-any.whl"
    other.write_bytes(b"")
    for wheel in (other, tmp_path / "missing.whl"):
        with pytest.raises(WheelMissingError, match=__version__):
            contents.fill_context(tmp_path / "context", wheel)


def installed(folder: Path, files: dict[str, str]) -> importlib.metadata.Distribution:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return importlib.metadata.PathDistribution(folder / f"{NAME}.dist-info")


def test_an_installed_package_becomes_a_wheel_again(tmp_path: Path) -> None:
    info = f"{NAME}.dist-info"
    listed = [
        "package/code.py",
        "package/__pycache__/code.pyc",
        "../../../bin/raydp-spcs",
        f"{info}/METADATA",
        f"{info}/WHEEL",
    ]
    listed += [f"{info}/RECORD", f"{info}/INSTALLER", f"{info}/entry_points.txt"]
    record = "\n".join(f"{name},," for name in listed)
    files = {
        "package/code.py": "print(1)\n",
        f"{info}/METADATA": f"Version: {__version__}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\n",
    }
    files |= {f"{info}/RECORD": record, f"{info}/INSTALLER": "uv", f"{info}/entry_points.txt": "[console_scripts]\n"}
    wheel = contents.repack(installed(tmp_path / "site", files), tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        expected = {
            "package/code.py",
            f"{info}/METADATA",
            f"{info}/WHEEL",
            f"{info}/entry_points.txt",
            f"{info}/RECORD",
        }
        assert set(archive.namelist()) == expected
        assert archive.read("package/code.py") == b"print(1)\n"
        assert "package/code.py,sha256=" in archive.read(f"{info}/RECORD").decode()


def test_a_package_that_came_from_no_wheel_is_told_so(tmp_path: Path) -> None:
    info = f"{NAME}.dist-info"
    files = {f"{info}/METADATA": f"Version: {__version__}\n", f"{info}/RECORD": f"{info}/METADATA,,\n"}
    with pytest.raises(WheelMissingError, match="--wheel"):
        contents.repack(installed(tmp_path / "site", files), tmp_path)
