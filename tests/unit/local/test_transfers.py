"""Who may fetch and bring which staged file."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from airflow_provider_raydp_spcs.local.security.sign_in import Identity, SignIn
from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue
from airflow_provider_raydp_spcs.local.stages.files import StageFiles
from airflow_provider_raydp_spcs.local.store import Store
from airflow_provider_raydp_spcs.local.wire.answers import DownloadAnswer, UploadAnswer
from airflow_provider_raydp_spcs.local.wire.transfers import BUCKET, Transfers

WHO = Identity("U", "R")


@pytest.fixture
def files(tmp_path: Path) -> StageFiles:
    made = StageFiles(tmp_path / "stages")
    for stage in ("D.S.OWN", "D.S.OTHER"):
        (made.folder(stage) / "x.txt").write_text(stage)
    return made


@pytest.fixture
def transfers(files: StageFiles, tmp_path: Path) -> Transfers:
    return Transfers(files, SignIn(Catalogue(Store(tmp_path / "catalogue.db"))))


@pytest.fixture
def bucket(transfers: Transfers) -> TestClient:
    route = Route(f"/{BUCKET}/{{path:path}}", transfers.serve, methods=["GET", "HEAD", "PUT"])
    return TestClient(Starlette(routes=[route]))


def token(answer: dict[str, dict[str, dict[str, dict[str, str]]]]) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer['data']['stageInfo']['creds']['GCS_ACCESS_TOKEN']}"}


def test_what_a_get_receives_is_good_for_reading_that_folder(
    transfers: Transfers, files: StageFiles, bucket: TestClient
) -> None:
    answer = DownloadAnswer(files.folder("D.S.OWN"), ["x.txt"], "/tmp", 4)
    header = token(transfers.download_json(answer, WHO, "localhost", "id"))
    assert bucket.get(f"/{BUCKET}/D/S/OWN/x.txt", headers=header).text == "D.S.OWN"
    assert bucket.get(f"/{BUCKET}/D/S/OTHER/x.txt", headers=header).status_code == 403
    assert bucket.get(f"/{BUCKET}/D/S/OWN/%2e%2e/OTHER/x.txt", headers=header).status_code == 403
    assert bucket.get(f"/{BUCKET}/%2e%2e/catalogue.db", headers=header).status_code == 400
    assert bucket.put(f"/{BUCKET}/D/S/OWN/x.txt", headers=header, content=b"!").status_code == 403
    assert bucket.get(f"/{BUCKET}/D/S/OWN/x.txt").status_code == 403
    assert (files.folder("D.S.OWN") / "x.txt").read_text() == "D.S.OWN"


def test_what_a_put_receives_is_good_for_writing_and_looking_there(
    transfers: Transfers, files: StageFiles, bucket: TestClient
) -> None:
    answer = UploadAnswer(
        source="/tmp/y",
        folder=files.folder("D.S.OWN") / "in",
        auto_compress=False,
        overwrite=False,
        parallel=4,
        source_compression="none",
    )
    header = token(transfers.upload_json(answer, WHO, "localhost", "id"))
    assert bucket.head(f"/{BUCKET}/D/S/OWN/in/y", headers=header).status_code == 404
    assert bucket.put(f"/{BUCKET}/D/S/OWN/in/y", headers=header, content=b"new").status_code == 200
    assert (files.folder("D.S.OWN") / "in" / "y").read_bytes() == b"new"
    for elsewhere in ("D/S/OWN/y", "D/S/OTHER/y", "D/S/OWN/in/%2e%2e/y"):
        assert bucket.put(f"/{BUCKET}/{elsewhere}", headers=header, content=b"!").status_code == 403
    assert not (files.folder("D.S.OWN") / "y").exists()

    for long in ("y" * 256, "/".join(["y" * 200] * 6)):
        assert bucket.head(f"/{BUCKET}/D/S/OWN/in/{long}", headers=header).status_code == 400
        assert bucket.put(f"/{BUCKET}/D/S/OWN/in/{long}", headers=header, content=b"!").status_code == 400
