"""Attacks: a specification, a name or a container's links must not lead out of what is theirs."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector.errors import Error

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.local.paths import Paths
from tests.integration.containers import until

pytestmark = pytest.mark.integration
SECRET = "nobody-may-read-this"
IMAGE = "/raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/shell:1"


@pytest.fixture(scope="module")
def cursor(environment: dict[str, str], images: Path) -> Any:
    """Signed in, with a pool, a stage ``ATTACKED`` and the image of a shell."""
    (images / "shell").mkdir()
    (images / "shell" / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["/bin/sh", "-c"]\n')
    with connect(environment) as connection:
        made = connection.cursor()
        made.execute("CREATE COMPUTE POOL ATTACK_POOL MIN_NODES=1 MAX_NODES=20 INSTANCE_FAMILY=CPU_X64_S")
        made.execute("CREATE STAGE ATTACKED ENCRYPTION=(TYPE='SNOWFLAKE_SSE')")
        made.execute("CREATE TABLE TAKEN (LINE TEXT)")
        yield made


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of the user's that is none of a service's business."""
    file = tmp_path / "secret.csv"
    file.write_text(f"{SECRET}\n")
    return file


@pytest.fixture
def stage(home: Path) -> Path:
    return Paths(home).stages / "RAYDP_SIS_DB" / "RAYDP_SIS_CORE_SCHEMA" / "ATTACKED"


def specification(script: str = "exec sleep 600", **container: Any) -> str:
    volumes = container.pop("volumes", [])
    main = {"name": "main", "image": IMAGE, "args": [script], **container}
    return json.dumps({"spec": {"containers": [main], "volumes": volumes}})


def create(cursor: Any, name: str, text: str) -> None:
    cursor.execute(f"CREATE SERVICE {name} IN COMPUTE POOL ATTACK_POOL FROM SPECIFICATION $${text}$$")


def state(cursor: Any, name: str) -> dict[str, Any]:
    """The container's row of SHOW SERVICE CONTAINERS."""
    rows = cursor.execute(f"SHOW SERVICE CONTAINERS IN SERVICE {name}").fetchall()
    return dict(zip([column.name for column in cursor.description], rows[0], strict=True)) if rows else {}


def output(cursor: Any, name: str) -> str:
    """What the container wrote, once it says that it is done."""

    def written() -> str:
        try:
            text = cursor.execute(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', '0', 'main')").fetchone()[0]
        except Error:
            return ""
        return str(text) if "done" in text else ""

    return str(until(written))


@pytest.mark.parametrize(
    "location",
    [
        "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.ATTACKED/../../../..",
        "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.ATTACKED/a/../../RAYDP_ARTIFACTS",
        "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.ATTACKED//../..",
        "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA./../ATTACKED",
        "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.ATTACKED\u0000",
        "@RAYDP_SIS_DB/../../..",
        "@../../../../etc",
        "@/etc",
        "@~",
        "@%TAKEN",
        "file:///etc",
        "/etc",
        "..",
    ],
)
def test_a_stage_volume_stays_in_its_stage(cursor: Any, location: str) -> None:
    volumes = [{"name": "v", "source": "stage", "stageConfig": {"name": location}}]
    text = specification(volumeMounts=[{"name": "v", "mountPath": "/v"}], volumes=volumes)
    with pytest.raises(Error):
        create(cursor, "OUT_OF_STAGE", text)
    assert cursor.execute("SHOW SERVICES LIKE 'OUT_OF_STAGE'").fetchall() == []


@pytest.mark.parametrize(
    "source", ["@../../etc", "/etc", "..", "host", "hostPath", "bind", "stage\n", "", "local/../.."]
)
def test_volumes_have_no_other_sources(cursor: Any, source: str) -> None:
    text = specification(
        volumeMounts=[{"name": "v", "mountPath": "/v"}], volumes=[{"name": "v", "source": source, "size": "1Gi"}]
    )
    with pytest.raises(Error):
        create(cursor, "ODD_SOURCE", text)


@pytest.mark.parametrize("name", ["..", "../x", "/etc", "a/b", "a\u0000", "A", "-a", "a" * 64, ".", "a\n"])
@pytest.mark.parametrize("kind", ["volume", "container"])
def test_names_that_become_folders_are_plain(cursor: Any, name: str, kind: str) -> None:
    if kind == "volume":
        mounts = [{"name": name, "mountPath": "/v"}]
        text = specification(volumeMounts=mounts, volumes=[{"name": name, "source": "block", "size": "1Gi"}])
    else:
        text = specification(name=name)
    with pytest.raises(Error, match=r"must start with|mapping|NUL|expected|special"):
        create(cursor, "ODD_NAME", text)


@pytest.mark.parametrize(
    "image",
    [
        IMAGE.replace("shell", ".."),
        IMAGE.replace("shell", "."),
        IMAGE.replace("shell", "../shell"),
        IMAGE.replace("raydp_sis_image_repo", ".."),
        "/etc/passwd",
        "//shell:1",
        "/a/b/c/shell:../../x",
    ],
)
def test_an_image_is_one_of_its_repository(cursor: Any, image: str) -> None:
    with pytest.raises(Error):
        create(cursor, "ODD_IMAGE", specification(image=image))


@pytest.mark.parametrize(
    "statement",
    [
        """CREATE STAGE "X/../RAYDP_ARTIFACTS" """,
        """CREATE STAGE "../../../../X" """,
        """CREATE TEMPORARY STAGE "ATTACKED.INSIDE" """,
        """CREATE STAGE IDENTIFIER('"/etc"')""",
        """CREATE DATABASE "../../X" """,
        """CREATE OR REPLACE DATABASE "/tmp/X" """,
        """CREATE SCHEMA RAYDP_SIS_DB."../X" """,
        """CREATE SERVICE "../../X" IN COMPUTE POOL ATTACK_POOL FROM SPECIFICATION $$SPEC$$""",
        """CREATE SERVICE "" IN COMPUTE POOL ATTACK_POOL FROM SPECIFICATION $$SPEC$$""",
        """CREATE SERVICE RAYDP_SIS_DB.".."."X" IN COMPUTE POOL ATTACK_POOL FROM SPECIFICATION $$SPEC$$""",
        "CREATE SERVICE X IN COMPUTE POOL ATTACK_POOL FROM @ATTACKED SPECIFICATION_FILE='../../../../credentials.json'",
        "CREATE SERVICE X IN COMPUTE POOL ATTACK_POOL FROM @ATTACKED/../../.. SPECIFICATION_FILE='x.yaml'",
        "CREATE SERVICE X IN COMPUTE POOL ATTACK_POOL FROM @ATTACKED SPECIFICATION_FILE='/etc/passwd'",
        "LIST @ATTACKED/../RAYDP_ARTIFACTS",
        "REMOVE @ATTACKED/../RAYDP_ARTIFACTS",
        "COPY INTO TAKEN FROM @ATTACKED/../../../../../../../../etc/passwd FILE_FORMAT=(TYPE=CSV)",
        "COPY INTO TAKEN FROM @ATTACKED FILES=('../../../../../../../../etc/passwd') FILE_FORMAT=(TYPE=CSV)",
        "COPY INTO TAKEN FROM 'file:///etc/passwd' FILE_FORMAT=(TYPE=CSV)",
        "COPY INTO TAKEN FROM '/etc/passwd' FILE_FORMAT=(TYPE=CSV)",
    ],
)
def test_statements_lead_nowhere_else(cursor: Any, home: Path, statement: str) -> None:
    before = _tree(home.parent, home), _tree(home, Paths(home).logs)
    with pytest.raises(Error):
        cursor.execute(statement.replace("SPEC", specification()))
    assert cursor.execute("SELECT COUNT(*) FROM TAKEN").fetchone() == (0,)
    assert before == (_tree(home.parent, home), _tree(home, Paths(home).logs))


def _tree(root: Path, without: Path) -> set[str]:
    """The names in a folder and in those below it, but for some that come and go."""
    mine = [
        path
        for path in root.iterdir()
        if path != without and (root.name.startswith("sf-") or path.name in ("X", "X.db"))
    ]
    found = {str(path) for path in mine}
    for folder in mine:
        for path, folders, files in os.walk(folder):
            found |= {
                str(Path(path, name)) for name in (*folders, *files) if not name.endswith((".wal", "-wal", "-shm"))
            }
    return found


@pytest.mark.parametrize("target", ["file", "folder", "root"])
def test_links_in_a_stage_show_nothing(cursor: Any, stage: Path, secret: Path, tmp_path: Path, target: str) -> None:
    """A container of the container runtime can make links in a stage it has mounted; nobody follows them out of it."""
    link = stage / "lure.csv"
    link.symlink_to({"file": secret, "folder": secret.parent, "root": Path("/")}[target])
    try:
        listed = [row[0] for row in cursor.execute("LIST @ATTACKED").fetchall()]
        assert listed == []
        for reading in (
            f"GET @ATTACKED/lure.csv 'file://{tmp_path}/out/'",
            f"GET @ATTACKED/lure.csv/secret.csv 'file://{tmp_path}/out/'",
            "COPY INTO TAKEN FROM @ATTACKED FILE_FORMAT=(TYPE=CSV)",
            "COPY INTO TAKEN FROM @ATTACKED/lure.csv FILE_FORMAT=(TYPE=CSV)",
            "COPY INTO TAKEN FROM @ATTACKED FILES=('lure.csv') FILE_FORMAT=(TYPE=CSV)",
            "CREATE SERVICE LURED IN COMPUTE POOL ATTACK_POOL FROM @ATTACKED SPECIFICATION_FILE='lure.csv'",
            f"PUT 'file://{secret}' @ATTACKED/lure.csv/new AUTO_COMPRESS=FALSE",
        ):
            with suppress(Error):
                assert SECRET not in str(cursor.execute(reading).fetchall())
        assert cursor.execute("SELECT COUNT(*) FROM TAKEN").fetchone() == (0,)
        assert not list(tmp_path.rglob("out/*"))
        assert {path.name for path in secret.parent.iterdir()} <= {"secret.csv", "out"}
        volumes = [{"name": "v", "source": "stage", "stageConfig": {"name": f"{FULL}/lure.csv"}}]
        mounts = [{"name": "v", "mountPath": "/v"}]
        with pytest.raises(Error):
            create(cursor, "LURED", specification(volumeMounts=mounts, volumes=volumes))
    finally:
        link.unlink()
    assert secret.read_text() == f"{SECRET}\n"


FULL = "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.ATTACKED"


def test_a_container_makes_no_link_in_a_stage(cursor: Any, stage: Path, secret: Path) -> None:
    volumes = [{"name": "v", "source": "stage", "stageConfig": {"name": FULL}}]
    script = (
        f"ln -s {secret} /v/link; ln {secret} /v/hard; echo x >> /v/log; echo whole > /v/new; echo done; exec sleep 600"
    )
    create(cursor, "LINKS", specification(script, volumeMounts=[{"name": "v", "mountPath": "/v"}], volumes=volumes))
    assert output(cursor, "LINKS").count("Operation not supported") == 3
    assert [path.name for path in stage.iterdir()] == ["new"]
    cursor.execute("DROP SERVICE LINKS")
    cursor.execute("REMOVE @ATTACKED")


def test_links_in_a_block_volume_are_not_followed(cursor: Any, home: Path, secret: Path) -> None:
    volumes = [{"name": "v", "source": "block", "size": "1Gi"}]
    script = f"ln -s {secret} /v/file; ln -s {secret.parent} /v/folder; echo done; exec sleep 600"
    create(cursor, "BLOCK", specification(script, volumeMounts=[{"name": "v", "mountPath": "/v"}], volumes=volumes))
    output(cursor, "BLOCK")
    folder = Paths(home).blocks / "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.BLOCK"
    assert (folder / "0" / "v" / "file").is_symlink()
    cursor.execute("DROP SERVICE BLOCK FORCE")
    until(lambda: not folder.exists())
    assert secret.read_text() == f"{SECRET}\n"


@pytest.mark.parametrize("path", ["/etc", "/usr/bin", "/root", "/tmp", "/var/../../etc", "//etc", "/etc/"])
def test_a_mount_onto_a_system_path_hides_it(cursor: Any, home: Path, path: str) -> None:
    """Whatever a program writes below the path goes to the volume, and not to the machine."""
    name = "SYSTEM_PATH"
    script = f"echo x > {path.rstrip('/')}/raydp-attack; echo done; exec sleep 600"
    volumes = [{"name": "v", "source": "block", "size": "1Gi"}]
    text = specification(script, volumeMounts=[{"name": "v", "mountPath": path}], volumes=volumes)
    if ".." in path:
        with pytest.raises(Error, match=r"absolute path without '\.\.'"):
            create(cursor, name, text)
        return
    create(cursor, name, text)
    output(cursor, name)
    assert not Path(path, "raydp-attack").exists()
    folder = Paths(home).blocks / f"RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.{name}"
    assert [each.name for each in (folder / "0" / "v").iterdir()] == ["raydp-attack"]
    cursor.execute(f"DROP SERVICE {name} FORCE")
    until(lambda: not cursor.execute(f"SHOW SERVICES LIKE '{name}'").fetchall())


@pytest.mark.parametrize(
    "container", [{"command": ["a\0b"]}, {"args": ["\0"]}, {"env": {"A=B": "c"}}, {"env": {"A": "\0"}}]
)
def test_what_no_process_can_be_given_fails_its_container_alone(
    cursor: Any, home: Path, container: dict[str, Any]
) -> None:
    create(cursor, "NO_PROCESS", specification(**container))
    found = until(lambda: next((row for row in [state(cursor, "NO_PROCESS")] if row.get("status") == "FAILED"), None))
    assert found["message"].startswith("Encountered fatal error while starting container")
    cursor.execute("DROP SERVICE NO_PROCESS FORCE")
    until(lambda: not cursor.execute("SHOW SERVICES LIKE 'NO_PROCESS'").fetchall())
    assert "stumbled" not in (Paths(home).logs / "server.log").read_text()


@pytest.mark.parametrize("path", ["/", "//", "/.", "/proc", "/proc/self", "/sys/kernel", "/dev"])
def test_nothing_is_mounted_over_everything(cursor: Any, path: str) -> None:
    volume = {"volumeMounts": [{"name": "v", "mountPath": path}], "volumes": [{"name": "v", "source": "local"}]}
    create(cursor, "OVER_ALL", specification(**volume))
    found = until(lambda: next((row for row in [state(cursor, "OVER_ALL")] if row.get("status") == "FAILED"), None))
    assert found["message"].startswith("Encountered fatal error while starting container")
    cursor.execute("DROP SERVICE OVER_ALL")
    until(lambda: not cursor.execute("SHOW SERVICES LIKE 'OVER_ALL'").fetchall())
    with pytest.raises(Error, match="sessionTokenConfig path") as caught:
        create(cursor, "OVER_ALL", specification(sessionTokenConfig={"path": path}))
    assert caught.value.errno == 395018


@pytest.mark.parametrize(
    "container",
    [
        {"env": {"A=B": "c"}},
        {"env": {"A\u0000": "c"}},
        {"env": {"A": "\u0000"}},
        {"args": ["\u0000"]},
        {"env": {"A": "\ud800"}},
        {"args": ["\udfff\ud800"]},
        {"env": {"": "c"}},
    ],
)
def test_what_no_process_can_have_hurts_nobody_else(cursor: Any, container: dict[str, Any]) -> None:
    """One service that cannot start does not keep others from starting."""
    create(cursor, "IMPOSSIBLE", specification(**container))
    create(cursor, "NEIGHBOUR", specification())
    until(lambda: state(cursor, "NEIGHBOUR").get("status") == "READY")
    assert until(lambda: state(cursor, "IMPOSSIBLE").get("status")) != "READY"
    for name in ("IMPOSSIBLE", "NEIGHBOUR"):
        cursor.execute(f"DROP SERVICE {name}")
    until(lambda: not cursor.execute("SHOW SERVICES").fetchall())


def test_a_stage_that_went_hurts_nobody_else(cursor: Any) -> None:
    cursor.execute("CREATE STAGE GOING ENCRYPTION=(TYPE='SNOWFLAKE_SSE')")
    volumes = [{"name": "v", "source": "stage", "stageConfig": {"name": FULL.replace("ATTACKED", "GOING")}}]
    text = specification("exit 1", volumeMounts=[{"name": "v", "mountPath": "/v"}], volumes=volumes)
    create(cursor, "BEREFT", text)
    until(lambda: state(cursor, "BEREFT").get("last_exit_code"))
    cursor.execute("DROP STAGE GOING")
    until(lambda: "does not exist" in state(cursor, "BEREFT").get("message", ""))
    create(cursor, "NEIGHBOUR", specification())
    until(lambda: state(cursor, "NEIGHBOUR").get("status") == "READY")
    for name in ("BEREFT", "NEIGHBOUR"):
        cursor.execute(f"DROP SERVICE {name}")
    until(lambda: not cursor.execute("SHOW SERVICES").fetchall())
