"""Building the images with docker or podman."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.container_engine import Engine
from airflow_provider_raydp_spcs.images.contents import BASE, fill_context, image_names
from airflow_provider_raydp_spcs.version import __version__

PLATFORM: Final = "linux/amd64"
"""What Snowflake's nodes run (SPCS reference 3.2)."""
_ON_BASE: Final = re.compile(rf"^ARG (\w+)={BASE}:", re.MULTILINE)
"""Arguments of a Dockerfile that name our own base image."""


@dataclass(frozen=True)
class BuildOptions:
    """How images are built.

    :param tag: of every image.
    :param base: another Python base than the Dockerfile's own, for ``raydp_base``.
    :param build_ca: file with certificate authorities that downloads during the build shall trust; not kept in the image.
    :param wheel: of this package, where it cannot be made here.
    """

    tag: str = __version__
    base: str | None = None
    build_ca: Path | None = None
    wheel: Path | None = None


def build(
    engine: Engine, names: Sequence[str] = (), options: BuildOptions | None = None, say: Callable[[str], None] = print
) -> list[str]:
    """Build images; answer ``name:tag`` of each.

    :param names: some of the images; none for all. What they stand on has to be there, or among them.
    :param say: takes a line before each image; the engine's own output goes to the terminal.
    :raises ImagesError, ContainerEngineError: what is missing, or what failed.
    """
    chosen = image_names(names)
    given = options or BuildOptions()
    engine.check_running()
    with tempfile.TemporaryDirectory(prefix="raydp-images-") as folder:
        context = Path(folder)
        fill_context(context, given.wheel)
        for name in chosen:
            say(f"building {name}:{given.tag} with {engine.name}")
            engine.show(*build_arguments(name, context, given))
    return [f"{name}:{given.tag}" for name in chosen]


def build_arguments(name: str, context: Path, options: BuildOptions) -> list[str]:
    """Arguments of the engine's ``build`` for one image."""
    arguments = ["build", "--platform", PLATFORM, "--tag", f"{name}:{options.tag}"]
    dockerfile = context / "images" / name / "Dockerfile"
    for argument in _ON_BASE.findall(dockerfile.read_text()):
        arguments += ["--build-arg", f"{argument}={BASE}:{options.tag}"]
    if name == BASE and options.base:
        arguments += ["--build-arg", f"BASE_IMAGE={options.base}"]
    if options.build_ca:
        arguments += ["--secret", f"id=build_ca,src={options.build_ca.absolute()}"]
    return [*arguments, "--file", str(dockerfile), str(context)]
