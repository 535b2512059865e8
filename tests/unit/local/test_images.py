"""What is read of Dockerfiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.services.images import Image, ImageCatalogue
from airflow_provider_raydp_spcs.shipped import shipped


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder that images are built from."""
    (tmp_path / "images" / "web").mkdir(parents=True)
    (tmp_path / "images" / "web" / "run.sh").write_text("")
    (tmp_path / "pages").mkdir()
    return tmp_path


def read(context: Path, *lines: str, name: str = "web") -> Image:
    (context / "images" / name).mkdir(exist_ok=True)
    (context / "images" / name / "Dockerfile").write_text("\n".join(lines) + "\n")
    image = ImageCatalogue(context / "images").find(f"/d/s/r/{name}:1")
    assert image is not None
    return image


def test_copied_files_are_where_they_lie(context: Path) -> None:
    image = read(
        context,
        "FROM scratch",
        "COPY --chmod=755 images/web/run.sh /opt/",
        "COPY pages /var/www/",
        "COPY images/web/run.sh /opt/other.sh",
        "COPY dist/*.whl /opt/wheel/",
    )
    script = context / "images" / "web" / "run.sh"
    assert image.files == {"/opt/run.sh": script, "/var/www": context / "pages", "/opt/other.sh": script}


def test_only_the_last_stage_counts(context: Path) -> None:
    image = read(
        context,
        "FROM scratch AS made",
        "COPY pages /made",
        'ENTRYPOINT ["make"]',
        "FROM docker.io/web/web:1",
        "COPY --from=made /made /var/www",
        'CMD ["serve"]',
    )
    assert image == Image((), ("serve",), {}, {})


def test_an_image_may_have_the_name_of_its_foreign_base(context: Path) -> None:
    image = read(context, "ARG BASE=docker.io/web:2", "FROM ${BASE}", 'ENTRYPOINT ["web"]')
    assert image.entrypoint == ("web",)


def test_an_image_has_the_files_of_its_base(context: Path) -> None:
    read(context, "FROM scratch", "COPY pages /var/www", 'ENTRYPOINT ["web"]')
    image = read(context, "ARG BASE=web:latest", "FROM ${BASE}", 'CMD ["x"]', name="child")
    assert image == Image(("web",), ("x",), {}, {"/var/www": context / "pages"})


def test_prometheus_runs_its_script() -> None:
    image = ImageCatalogue(shipped("images")).find("/d/s/r/prometheus:1")
    assert image is not None
    assert image.entrypoint == ("/bin/sh", "/opt/raydp/entrypoint.sh")
    assert image.files["/opt/raydp/entrypoint.sh"] == shipped("images") / "prometheus" / "entrypoint.sh"
