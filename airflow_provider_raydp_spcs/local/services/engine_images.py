"""The image repositories where containers are real: what the container engine holds under ``localhost/``."""

from __future__ import annotations

import time
from typing import Final

from airflow_provider_raydp_spcs.container_engine import Engine
from airflow_provider_raydp_spcs.local.services.images import Image, ListedImage, parts_of

HOST: Final = "localhost"
_LOOK_AGAIN_SECONDS: Final = 5.0


class EngineImages:
    """Images as ``localhost/<database>/<schema>/<repository>/<image>:<tag>``, in lower case.

    That is where ``raydp-spcs images push`` puts them for the local Snowflake.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.registry: str | None = HOST
        self._seen: dict[str, tuple[float, Image | None]] = {}

    def find(self, path: str) -> Image | None:
        """The image of a path, or None where the engine holds none; looked at anew every few seconds."""
        parts = parts_of(path)
        if parts is None:
            return None
        repository, name, tag = parts
        reference = f"{HOST}/{repository}/{name}:{tag}"
        looked, image = self._seen.get(reference, (float("-inf"), None))
        if time.monotonic() - looked > _LOOK_AGAIN_SECONDS:
            image = self._read(reference)
            self._seen[reference] = time.monotonic(), image
        return image

    def _read(self, reference: str) -> Image | None:
        found = self._engine.inspect_image(reference)
        if found is None:
            return None
        config = found.get("Config") or {}
        return Image(
            entrypoint=tuple(config.get("Entrypoint") or ()),
            command=tuple(config.get("Cmd") or ()),
            env={},
            reference=reference,
            architecture=str(found.get("Architecture", "")),
        )

    def listing(self, repository: str) -> list[ListedImage]:
        """The images of a repository."""
        prefix = f"{HOST}/{repository}/"
        found = []
        for reference in sorted(self._engine.image_names()):
            if reference.startswith(prefix):
                name, _, tag = reference.removeprefix(prefix).rpartition(":")
                image = self._engine.inspect_image(reference) or {}
                found.append(ListedImage(name, tag, str(image.get("Digest") or image.get("Id") or "")))
        return found
