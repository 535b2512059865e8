"""Block volumes of the local Snowflake: kept while their service is (SPCS reference 3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.errors import SpcsError
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
# A script that the image copies: it notes each start in both of its volumes and tells how many they know of.
SCRIPT = """#!/bin/sh
for volume in "$KEPT" "$LOST"; do echo start >>"$volume/starts"; done
echo "kept $(wc -l <"$KEPT/starts") lost $(wc -l <"$LOST/starts")"
exec sleep 600
"""
SPEC = """
spec:
  containers:
  - name: main
    image: /raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/notes:1
    env: {KEPT: /mnt/kept, LOST: /mnt/lost}
    volumeMounts: [{name: kept, mountPath: /mnt/kept}, {name: lost, mountPath: /mnt/lost}]
  volumes: [{name: kept, source: block, size: 1Gi}, {name: lost, source: local}]
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    context = tmp_path_factory.mktemp("context")
    folder = context / "images"
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "notes.sh").write_text(SCRIPT)
    (folder / "notes" / "Dockerfile").write_text(
        'FROM scratch\nCOPY images/notes/notes.sh /opt/notes/\nENTRYPOINT ["/bin/sh", "/opt/notes/notes.sh"]\n'
    )
    return folder


@pytest.fixture
def client(environment: dict[str, str]) -> Iterator[SpcsClient]:
    with connect(environment) as connection:
        yield client_of(connection)


def told(client: SpcsClient) -> str:
    """What the service's container said last, once it runs."""
    until(lambda: client.services.describe("NOTES").status is ServiceStatus.RUNNING)
    log = until(lambda: client.services.logs("NOTES", "0", "main"))
    return str(log).splitlines()[-1]


def start(environment: dict[str, str]) -> None:
    with connect(environment) as connection:
        session = ConnectorSession(connection)
        session.execute(
            "CREATE COMPUTE POOL IF NOT EXISTS NOTES_POOL MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_S"
        )
        session.execute(f"CREATE SERVICE NOTES IN COMPUTE POOL NOTES_POOL FROM SPECIFICATION $${SPEC}$$")


def test_a_block_volume_is_kept_until_its_service_is_dropped(
    environment: dict[str, str], client: SpcsClient, home: Path, images: Path
) -> None:
    start(environment)
    assert told(client) == "kept 1 lost 1"

    client.services.suspend("NOTES")
    until(lambda: client.services.describe("NOTES").status is ServiceStatus.SUSPENDED)
    client.services.resume("NOTES")
    until(lambda: told(client) == "kept 2 lost 1")

    with pytest.raises(SpcsError, match="FORCE"):
        client.services.drop("NOTES")
    client.services.drop("NOTES", force=True)
    until(lambda: not client.services.show("NOTES"))
    start(environment)
    assert told(client) == "kept 1 lost 1"
    # Another start of the server changes nothing about it.
    port = int(environment["SNOWFLAKE_PORT"])
    daemon.down(home)
    daemon.up(home, port=port, images=images)
    with connect(environment) as connection:
        again = client_of(connection)
        until(lambda: told(again) == "kept 2 lost 1")
        again.services.drop("NOTES", force=True)
        until(lambda: not again.services.show("NOTES"))
    assert not list((home / "blocks").iterdir())


def test_a_volume_is_restored_from_a_snapshot_of_it(
    environment: dict[str, str], client: SpcsClient, home: Path
) -> None:
    start(environment)
    assert told(client) == "kept 1 lost 1"
    with connect(environment, role="ACCOUNTADMIN") as connection:
        session = ConnectorSession(connection)
        session.execute('CREATE SNAPSHOT NOTED FROM SERVICE NOTES VOLUME "kept" INSTANCE 0')
        client.services.suspend("NOTES")
        until(lambda: client.services.describe("NOTES").status is ServiceStatus.SUSPENDED)
        client.services.resume("NOTES")
        until(lambda: told(client) == "kept 2 lost 1")
        client.services.suspend("NOTES")
        until(lambda: client.services.describe("NOTES").status is ServiceStatus.SUSPENDED)
        session.execute('ALTER SERVICE NOTES RESTORE VOLUME "kept" INSTANCES 0 FROM SNAPSHOT NOTED')
        until(lambda: told(client) == "kept 2 lost 1")
        session.execute("DROP SERVICE NOTES FORCE")
        session.execute("DROP SNAPSHOT NOTED")
    assert list((home / "snapshots").iterdir()) == []
