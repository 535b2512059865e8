"""Files between clients and stages: the client is told that the stage is a Google Cloud Storage bucket at this server.

Of the storages that clients know, this is the one that they speak plain HTTP to, with an endpoint and a token that the
server chooses; so the unmodified client uploads, downloads, and looks whether a file exists.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.security.sign_in import Identity, SignIn
from airflow_provider_raydp_spcs.local.stages.files import StageFiles
from airflow_provider_raydp_spcs.local.wire.answers import DownloadAnswer, UploadAnswer

BUCKET: Final = "spcs-stages"
TRANSFER_SECONDS: Final = 3600.0
NAME_BYTES: Final = 1024
PART_BYTES: Final = 255
_DIGEST: Final = "x-goog-meta-sfc-digest"


class Transfers:
    """The bucket."""

    def __init__(self, files: StageFiles, sign_in: SignIn) -> None:
        self._files, self._sign_in = files, sign_in

    def upload_json(self, answer: UploadAnswer, identity: Identity, host: str, key: str) -> dict[str, Any]:
        """What a client needs for PUT."""
        return _success(
            {
                "command": "UPLOAD",
                "src_locations": [answer.source],
                "parallel": answer.parallel,
                "autoCompress": answer.auto_compress,
                "overwrite": answer.overwrite,
                "sourceCompression": answer.source_compression,
                "stageInfo": self._stage_info(answer.folder, identity, host, writes=True),
                "encryptionMaterial": None,
            },
            key,
        )

    def download_json(self, answer: DownloadAnswer, identity: Identity, host: str, key: str) -> dict[str, Any]:
        """What a client needs for GET."""
        return _success(
            {
                "command": "DOWNLOAD",
                "src_locations": list(answer.files),
                "parallel": answer.parallel,
                "localLocation": answer.target,
                "stageInfo": self._stage_info(answer.folder, identity, host, writes=False),
                "presignedUrls": [],
                "encryptionMaterial": [None] * len(answer.files),
            },
            key,
        )

    def presigned(self, folder: Path, path: str, identity: Identity, seconds: int, host: str) -> str:
        """An address of one file that needs nothing but itself; ``*`` stays for the files of a whole folder."""
        relative = folder.resolve().relative_to(self._files.root.resolve()).as_posix()
        key = self._sign_in.issue(identity, f"presigned {relative}/{path}", seconds)
        return f"https://{host}/{BUCKET}/{quote(relative)}/{quote(path, safe='/*')}?Expires={seconds}&Signature={key}"

    def _stage_info(self, folder: Path, identity: Identity, host: str, *, writes: bool) -> dict[str, Any]:
        relative = folder.resolve().relative_to(self._files.root.resolve()).as_posix()
        kind = _transfer(relative, writes=writes)
        return {
            "locationType": "GCS",
            "location": f"{BUCKET}/{relative}/",
            "endPoint": host,
            "creds": {"GCS_ACCESS_TOKEN": self._sign_in.issue(identity, kind, TRANSFER_SECONDS)},
            "isClientSideEncrypted": False,
        }

    def _may(self, request: Request, path: str) -> bool:
        """Whether the request has a client's token for this folder, or the signature of a presigned address."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        kinds = [_transfer(str(folder), writes=True) for folder in PurePosixPath(path).parents]
        if _is_read(request):
            kinds += [_transfer(str(folder), writes=False) for folder in PurePosixPath(path).parents]
        if scheme.lower() == "bearer" and self._sign_in.identity(token, *kinds) is not None:
            return True
        stage = "/".join(path.split("/")[:3])
        signature = request.query_params.get("Signature", "")
        return (
            _is_read(request)
            and self._sign_in.identity(signature, f"presigned {path}", f"presigned {stage}/*") is not None
        )

    async def serve(self, request: Request) -> Response:
        """PUT, GET and HEAD of one file."""
        try:
            path = self._files.inside(self._files.root, request.path_params["path"])
        except SnowflakeFault:
            return Response(status_code=400)
        # What counts is where the path leads, whatever dots and links are in it.
        if not self._may(request, path.relative_to(self._files.root.resolve()).as_posix()):
            return Response(status_code=403)
        if not _is_name(path.relative_to(self._files.root.resolve()).as_posix()):
            return Response(status_code=400)
        if request.method == "PUT":
            await _store(path, request, self._files.unfinished())
            return Response()
        if not path.is_file():
            return Response(status_code=404)
        digest = await run_in_threadpool(_digest, path)
        return FileResponse(path, headers={_DIGEST: digest})


def _transfer(folder: str, *, writes: bool) -> str:
    """The kind of token that is good for the files of one folder; what a PUT gets is good for looking as well."""
    return f"transfer {'to' if writes else 'from'} {folder}"


def _is_name(path: str) -> bool:
    """Whether a bucket takes such a name, and a folder each of its parts; a client asks six times after anything but a refusal."""
    return len(path.encode()) <= NAME_BYTES and all(len(part.encode()) <= PART_BYTES for part in path.split("/"))


def _is_read(request: Request) -> bool:
    return request.method in ("GET", "HEAD")


async def _store(path: Path, request: Request, temporary: Path) -> None:
    """Write the body and move it to its place when it is whole."""
    try:
        with temporary.open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        await run_in_threadpool(_move, temporary, path)
    finally:
        await run_in_threadpool(temporary.unlink, missing_ok=True)


def _move(temporary: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()


def _success(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {"data": {**data, "queryId": key}, "code": None, "message": None, "success": True}
