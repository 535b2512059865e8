"""Notebooks on the artifacts stage. Jupyter loads this module; nothing else imports it.

The stage's mount takes a file only as a whole, from its beginning to its end: no appending, no writing in the middle (SPCS
reference 3.3). Jupyter appends where a large file is uploaded in pieces; here the pieces are put together on the node's disk.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError


class StageFiles(AsyncLargeFileManager):
    """Jupyter's files, with uploads that never append to a file of the stage."""

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Save a file, or one piece of it; the last one puts the whole in its place."""
        saved: dict[str, Any] = await super().save(model, path)  # type: ignore[no-untyped-call]
        target = self._get_os_path(path.strip("/"))  # type: ignore[no-untyped-call]
        match model.get("chunk"):
            case 1:
                _pieces(target).write_bytes(_content(model["content"], model.get("format")))
            case -1:
                shutil.copyfile(_pieces(target), target)
                _pieces(target).unlink()
                saved = await self.get(path, content=False)  # type: ignore[no-untyped-call]
        return saved

    async def _save_large_file(self, os_path: str, content: str, format: str | None) -> None:  # noqa: A002 - the base class' name
        with _pieces(os_path).open("ab") as file:
            file.write(_content(content, format))


def _pieces(target: str) -> Path:
    """Where the pieces of a file are put together."""
    folder = Path(tempfile.gettempdir()) / "raydp-uploads"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / hashlib.sha256(target.encode()).hexdigest()


def _content(content: str, form: str | None) -> bytes:
    try:
        return content.encode() if form == "text" else base64.b64decode(content, validate=True)
    except ValueError as error:
        raise HTTPError(400, f"the content is no base64: {error}") from error
