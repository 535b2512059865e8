"""What an image runs: read from its Dockerfile, so that there is one truth for real images and local processes."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from airflow_provider_raydp_spcs.version import __version__

_PATH: Final = re.compile(
    r"/(?P<repository>\w[^\s/:@]*/\w[^\s/:@]*/\w[^\s/:@]*)/(?P<name>\w[\w.-]*)(:(?P<tag>\w[\w.-]*))?(@sha256:[0-9a-f]+)?\Z"
)
_REGISTRY: Final = re.compile(r"[\w.-]+\.registry(-local)?\.snowflakecomputing\.com")


@dataclass(frozen=True)
class Image:
    """What a container of the image runs.

    :param entrypoint: ENTRYPOINT; a specification's ``command`` replaces it.
    :param command: CMD; a specification's ``args`` replace it.
    :param env: ENV, where the runtime has to set it.
    :param files: path in the image → where the file lies here, for files that COPY takes from the build's context.
    :param reference: what a container engine knows it by.
    :param architecture: of its programs, where it is known.
    """

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: dict[str, str]
    files: dict[str, Path] = field(default_factory=dict)
    reference: str = ""
    architecture: str | None = None


@dataclass(frozen=True)
class ListedImage:
    """A row of SHOW IMAGES."""

    name: str
    tag: str
    digest: str = ""


class Images(Protocol):
    """The images of every repository.

    :param registry: host of the repositories' addresses; None for the one that Snowflake would have.
    """

    registry: str | None

    def find(self, path: str) -> Image | None:
        """The image of a path, or None where there is no such image."""
        ...

    def listing(self, repository: str) -> list[ListedImage]:
        """The images of a repository.

        :param repository: ``database/schema/name`` in lower case.
        """
        ...


def parts_of(path: str) -> tuple[str, str, str] | None:
    """Repository, image name and tag of ``/database/schema/repository/image[:tag]``, with or without registry."""
    match = _PATH.match(_REGISTRY.sub("", path, count=1))
    return (match["repository"].lower(), match["name"], match["tag"] or "latest") if match else None


class ImageCatalogue:
    """The images of every repository: those whose Dockerfile stands in a folder of image folders.

    :param folder: holds ``<image name>/Dockerfile``; the folder above it is the context of their builds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.registry: str | None = None

    def listing(self, repository: str) -> list[ListedImage]:
        """Every image that has its Dockerfile here, whatever the repository."""
        del repository
        return [
            ListedImage(name, self.tag(name))
            for name in sorted(path.parent.name for path in self._folder.glob("*/Dockerfile"))
        ]

    def tag(self, name: str) -> str:
        """The version of an image: its label ``org.opencontainers.image.version``, else that of the package it runs."""
        from dockerfile_parse import DockerfileParser

        parser = DockerfileParser(fileobj=io.BytesIO((self._folder / name / "Dockerfile").read_bytes()))
        return str(parser.labels.get("org.opencontainers.image.version") or __version__)

    @staticmethod
    def is_valid(path: str) -> bool:
        """Whether an image path has the form ``/database/schema/repository/image:tag``, with or without registry."""
        return parts_of(path) is not None

    def find(self, path: str) -> Image | None:
        """The image of a path, or None where there is no such image; the tag is not looked at."""
        parts = parts_of(path)
        return self._read(parts[1]) if parts else None

    def _read(self, name: str) -> Image | None:
        from dockerfile_parse import DockerfileParser

        file = self._folder / name / "Dockerfile"
        if not file.is_file():
            return None
        parser = DockerfileParser(fileobj=io.BytesIO(file.read_bytes()))
        structure: list[dict[str, Any]] = parser.structure
        parent = self._parent(structure)
        entrypoint, command = (parent.entrypoint, parent.command) if parent else ((), ())
        files = dict(parent.files) if parent else {}
        last = max((at for at, entry in enumerate(structure) if entry["instruction"] == "FROM"), default=0)
        for entry in structure[last:]:
            if entry["instruction"] == "ENTRYPOINT":
                entrypoint, command = _words(entry["value"]), ()
            elif entry["instruction"] == "CMD":
                command = _words(entry["value"])
            elif entry["instruction"] == "COPY" and "--from=" not in entry["value"]:
                files.update(self._copied(entry["value"]))
        return Image(entrypoint, command, {**(parent.env if parent else {}), **dict(parser.envs)}, files)

    def _copied(self, value: str) -> Iterator[tuple[str, Path]]:
        """Where copied files and folders are in the image and here; patterns and other forms of COPY are left out."""
        *sources, target = [word for word in value.split() if not word.startswith("--")]
        for source in sources:
            here = self._folder.parent / source
            if here.exists():
                into = target.endswith("/") and not here.is_dir()
                yield (f"{target}{here.name}" if into else target.rstrip("/")), here

    def _parent(self, structure: list[dict[str, Any]]) -> Image | None:
        """The image after the last FROM, where it is one of this folder."""
        arguments = {}
        base = ""
        for entry in structure:
            if entry["instruction"] == "ARG":
                name, _, default = entry["value"].partition("=")
                arguments[name.strip()] = default.strip().strip("\"'")
            elif entry["instruction"] == "FROM":
                words = [word for word in entry["value"].split() if not word.startswith("--")]
                base = re.sub(r"\$\{?(\w+)\}?", lambda match: arguments.get(match[1], ""), words[0])
        # An image of somebody else's has its registry before its name, whatever the name is.
        return self._read(base.partition(":")[0]) if base and "/" not in base else None


def _words(value: str) -> tuple[str, ...]:
    """A command in exec form, or in shell form, which a shell runs."""
    try:
        found = json.loads(value)
    except ValueError:
        return ("/bin/sh", "-c", value) if shlex.split(value) else ()
    return tuple(str(word) for word in found)
