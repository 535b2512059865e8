"""What an image runs: read from its Dockerfile, so that there is one truth for real images and local processes."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_PATH: Final = re.compile(
    r"/[^\s/:@]+/[^\s/:@]+/[^\s/:@]+/(?P<name>[^\s/:@]+)(:(?P<tag>[\w.-]+))?(@sha256:[0-9a-f]+)?\Z"
)
_REGISTRY: Final = re.compile(r"[\w.-]+\.registry(-local)?\.snowflakecomputing\.com")


@dataclass(frozen=True)
class Image:
    """What a container of the image runs.

    :param entrypoint: ENTRYPOINT; a specification's ``command`` replaces it.
    :param command: CMD; a specification's ``args`` replace it.
    :param env: ENV.
    :param files: path in the image → where the file lies here, for files that COPY takes from the build's context.
    """

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: dict[str, str]
    files: dict[str, Path] = field(default_factory=dict)


class ImageCatalogue:
    """The images of every repository: those whose Dockerfile stands in a folder of image folders.

    :param folder: holds ``<image name>/Dockerfile``; the folder above it is the context of their builds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Names of the images."""
        return sorted(path.parent.name for path in self._folder.glob("*/Dockerfile"))

    @staticmethod
    def is_valid(path: str) -> bool:
        """Whether an image path has the form ``/database/schema/repository/image:tag``, with or without registry."""
        return _PATH.match(_REGISTRY.sub("", path, count=1)) is not None

    def find(self, path: str) -> Image | None:
        """The image of a path, or None where there is no such image; the tag is not looked at."""
        match = _PATH.match(_REGISTRY.sub("", path, count=1))
        return self._read(match["name"]) if match else None

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
