"""Statements of the local Snowflake: text → answer, against a real platform whose containers never start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.wire.answers import DownloadAnswer, RewriteAnswer, UploadAnswer
from airflow_provider_raydp_spcs.shipped import shipped
from tests.unit.local.played import Account, opened

SPEC = (
    "spec: {containers: [{name: main, image: /d/s/r/raydp_head:1}], endpoints: [{name: web, port: 80, public: true}]}"
)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with opened(tmp_path) as made:
        yield made


@pytest.fixture
def with_pool(account: Account) -> Account:
    account.status("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_S")
    return account


@pytest.mark.parametrize(
    "text",
    [
        "CREATE COMPUTE POOL p MIN_NODES=1 MAX_NODES=2 INSTANCE_FAMILY=CPU_X64_XS",
        "create compute pool P instance_family = 'cpu_x64_xs' max_nodes = 2 min_nodes = 1 comment = 'it''s; -- $$';",
        "/* c */ CREATE COMPUTE POOL P -- pool\n MAX_NODES=2 MIN_NODES=1 INSTANCE_FAMILY=CPU_X64_XS WITH TAG (a='b') ;",
        "CREATE COMPUTE POOL IDENTIFIER('p') MIN_NODES=1 MAX_NODES=2 INSTANCE_FAMILY=CPU_X64_XS AUTO_SUSPEND_SECS=0",
    ],
)
def test_a_pool_is_created_in_any_spelling(account: Account, text: str) -> None:
    assert account.status(text) == "Compute pool P successfully created."
    (row,) = account.rows("SHOW COMPUTE POOLS LIKE 'p%'")
    assert (row["name"], row["state"], row["max_nodes"], row["auto_resume"]) == ("P", "IDLE", 2, "true")


def test_columns_of_pools_are_those_of_the_reference(with_pool: Account) -> None:
    """SPCS reference 1.3."""
    assert list(with_pool.rows("SHOW COMPUTE POOLS")[0])[:8] == [
        "name", "state", "min_nodes", "max_nodes", "instance_family", "num_services", "num_jobs", "auto_suspend_secs",
    ]  # fmt: skip
    described = with_pool.rows("DESC COMPUTE POOL P")[0]
    assert list(described)[-5:] == [
        "budget",
        "error_code",
        "status_message",
        "placement_group",
        "backup_instance_families",
    ]


@pytest.mark.parametrize(
    ("text", "number", "part"),
    [
        ("CREATE COMPUTE POOL P MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_S", 2002, "Object 'P' already exists."),
        ("DESCRIBE COMPUTE POOL Q", 2003, "Compute pool 'Q' does not exist or not authorized."),
        ("CREATE COMPUTE POOL Q MIN_NODES=2 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_S", 1420, "MAX_NODES"),
        ("CREATE COMPUTE POOL Q MIN_NODES=0 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_S", 1420, "at least 1"),
        ("CREATE COMPUTE POOL Q MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X65", 1420, "CPU_X65"),
        ("CREATE COMPUTE POOL Q MIN_NODES=1 INSTANCE_FAMILY=CPU_X64_S", 1420, "MAX_NODES"),
        ("CREATE COMPUTE POOL Q MIN_NODES=1 NONSENSE=2", 1003, "unexpected 'NONSENSE'"),
        ("ALTER COMPUTE POOL P", 1003, "unexpected '<EOF>'"),
        ("CREATE SERVICE X IN COMPUTE POOL NOPE FROM SPECIFICATION $$" + SPEC + "$$", 2003, "Compute pool 'NOPE'"),
        (
            "CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $$spec: {bad: 1}$$",
            395018,
            "unknown option 'bad' for 'spec'.",
        ),
        ("CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $$a: [$$", 395018, "no YAML"),
        ("CREATE SERVICE X IN COMPUTE POOL P FROM @NOPE SPEC='a.yaml'", 2003, "Stage 'DB.S.NOPE'"),
        ("DESC SERVICE X", 2003, "Service 'DB.S.X'"),
        ("PUT 'file:///tmp/x' @nope", 2003, "Stage 'DB.S.NOPE'"),
        ("LIST 'nope'", 1003, "does not start with @"),
        ("USE ROLE NOBODY", 2043, "NOBODY"),
        ("GRANT USAGE ON DATABASE D TO ROLE NOBODY", 2003, "Role 'NOBODY'"),
        ("USE WAREHOUSE NOPE", 2003, "Warehouse 'NOPE'"),
        (
            (
                "CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $$spec: {containers: [{name: m, image: /d/s/r/i:1, "
                "resources: {requests: {memory: 100Gi}}}]}$$"
            ),
            1420,
            "insufficient memory resources",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_snowflakes_words(with_pool: Account, text: str, number: int, part: str) -> None:
    with pytest.raises(SnowflakeFault) as caught:
        with_pool.answer(text)
    assert caught.value.number == number
    assert part in caught.value.message


def test_a_service_is_asked_for_with_properties_in_any_order(with_pool: Account) -> None:
    """SPCS reference 2.1."""
    text = f"CREATE SERVICE IF NOT EXISTS a_b MIN_INSTANCES=2 COMMENT='c' IN COMPUTE POOL p FROM SPECIFICATION $$ {SPEC} $$ MAX_INSTANCES=2"
    assert with_pool.status(text) == "Service A_B successfully created."
    assert with_pool.status(text) == "A_B already exists, statement succeeded."
    (row,) = with_pool.rows("SHOW SERVICES LIKE 'A\\\\_B' IN SCHEMA DB.S")
    assert (row["name"], row["status"], row["min_instances"], row["target_instances"]) == ("A_B", "PENDING", 2, 2)
    assert row["dns_name"].startswith("a-b.")
    (endpoint,) = with_pool.rows("SHOW ENDPOINTS IN SERVICE A_B")
    assert endpoint["ingress_url"].startswith("Endpoints provisioning in progress")
    assert with_pool.rows("DESCRIBE SERVICE A_B")[0]["spec"].startswith("---")
    assert with_pool.rows("SHOW SERVICES IN SCHEMA DB.OTHER") == []
    with pytest.raises(SnowflakeFault, match="still exist"):
        with_pool.answer("DROP COMPUTE POOL P")


def test_a_specification_as_a_text_with_quotes_and_as_a_bind(with_pool: Account) -> None:
    with_pool.status("CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION '" + SPEC.replace("main", "it") + "'")
    with_pool.status("CREATE SERVICE Y IN COMPUTE POOL IDENTIFIER(?) FROM SPECIFICATION ?", "P", SPEC)
    assert [row["name"] for row in with_pool.rows("SHOW SERVICES")] == ["X", "Y"]


def test_a_specification_from_a_file_on_a_stage(with_pool: Account) -> None:
    with_pool.answer("CREATE STAGE SPECS")
    folder = with_pool.files.folder("DB.S.SPECS") / "sub"
    folder.mkdir()
    (folder / "a.yaml").write_text(SPEC)
    with_pool.status("CREATE SERVICE X IN COMPUTE POOL P FROM @specs/sub SPECIFICATION_FILE='a.yaml'")
    with_pool.status("CREATE SERVICE Y IN COMPUTE POOL P FROM @db.s.specs SPEC = 'sub/a.yaml'")
    with pytest.raises(SnowflakeFault, match="leads out of the stage"):
        with_pool.answer("CREATE SERVICE Z IN COMPUTE POOL P FROM @specs SPEC = '../../../../x.yaml'")


@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
@pytest.mark.parametrize("verb", ["REMOVE", "LIST"])
def test_a_path_that_no_file_can_have_is_refused(with_pool: Account, verb: str, path: str) -> None:
    with_pool.answer("CREATE STAGE ANY")
    with pytest.raises(SnowflakeFault, match="cannot be on a stage"):
        with_pool.answer(f"{verb} '@ANY/{path}'")


def test_a_pool_knows_its_life(with_pool: Account) -> None:
    with_pool.status("ALTER COMPUTE POOL P SUSPEND")
    assert with_pool.rows("SHOW COMPUTE POOLS")[0]["state"] == "SUSPENDED"
    with_pool.status("ALTER COMPUTE POOL P RESUME")
    with_pool.status("ALTER COMPUTE POOL P SET MAX_NODES = 3 COMMENT = 'x'")
    assert with_pool.rows("DESC COMPUTE POOL P")[0]["max_nodes"] == 3
    with_pool.status("ALTER COMPUTE POOL P STOP ALL")
    assert with_pool.status("DROP COMPUTE POOL P") == "P successfully dropped."
    assert "already dropped" in with_pool.status("DROP COMPUTE POOL IF EXISTS P")


def test_stages_and_their_files(account: Account) -> None:
    """SPCS reference, part 5."""
    made = account.status(
        "CREATE STAGE IF NOT EXISTS st ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') DIRECTORY = (ENABLE = TRUE)"
    )
    assert made == "Stage area ST successfully created."
    put = account.answer("PUT file:///tmp/a*.csv @st/in/ OVERWRITE=TRUE AUTO_COMPRESS=FALSE;")
    assert isinstance(put, UploadAnswer)
    assert (put.source, put.overwrite, put.auto_compress) == ("/tmp/a*.csv", True, False)
    assert put.folder == account.files.folder("DB.S.ST") / "in"
    put.folder.mkdir()
    for name in ("a1.csv", "a2.csv", "b.txt"):
        (put.folder / name).write_text(name)
    assert [row["name"] for row in account.rows("LS @st/in/a")] == ["st/in/a1.csv", "st/in/a2.csv"]
    got = account.answer("GET @st/in 'file:///tmp/out/' PATTERN = '.*txt'")
    assert isinstance(got, DownloadAnswer)
    assert (list(got.files), got.target) == (["in/b.txt"], "/tmp/out/")
    assert account.rows("RM @st/in PATTERN='.*a1.*'") == [{"name": "st/in/a1.csv", "result": "removed"}]
    (listed,) = account.rows("LIST '@st' PATTERN = '.*txt'")
    assert listed["size"] == 5
    assert listed["last_modified"].endswith("GMT")
    assert account.rows("SHOW STAGES")[0]["directory_enabled"] == "Y"
    assert account.status("DROP STAGE st") == "ST successfully dropped."


@pytest.mark.parametrize("path", ["../../etc", "a/../../../../x"])
def test_no_path_leads_out_of_a_stage(account: Account, path: str) -> None:
    account.answer("CREATE STAGE ST")
    with pytest.raises(SnowflakeFault, match="leads out of the stage"):
        account.answer(f"PUT 'file:///tmp/x' '@ST/{path}'")


def test_the_shipped_sql_runs_as_written(account: Account) -> None:
    from io import StringIO

    from snowflake.connector.util_text import split_statements

    of_the_engine = ("CREATE DATABASE", "CREATE SCHEMA", "CREATE TABLE", "USE DATABASE", "USE SCHEMA")
    for script in ("step0_admin_setup.sql", "step1_user_setup.sql"):
        for text, _ in split_statements(StringIO((shipped("sql") / script).read_text()), remove_comments=True):
            if not text.strip().upper().startswith(of_the_engine):
                assert account.answer(text) is not None, text
            elif text.strip().upper().startswith("USE SCHEMA"):  # which the engine would have done
                account.session.database, account.session.schema = "RAYDP_SIS_DB", "RAYDP_SIS_CORE_SCHEMA"
            else:
                assert account.answer(text) is None, text
    assert account.session.role == "RAYDP_SIS_ROLE"
    assert {row["name"] for row in account.rows("SHOW STAGES")} == {"RAYDP_YAMLSPECS", "RAYDP_ARTIFACTS", "RAYDPLOGS"}
    assert account.rows("SHOW INTEGRATIONS")[0]["name"] == "RAYDP_ACCESS_INTEGRATION"
    granted = {(row["privilege"], row["granted_on"]) for row in account.rows("SHOW GRANTS TO ROLE RAYDP_SIS_ROLE")}
    assert ("CREATE COMPUTE POOL", "ACCOUNT") in granted
    assert ("CREATE SERVICE", "SCHEMA") in granted


@pytest.mark.parametrize(
    "text", ["SELECT 1", "INSERT INTO T VALUES (1)", "CREATE TABLE T (A INT)", "USE SCHEMA S", "", "  ;", "'"]
)
def test_tables_are_not_our_business(account: Account, text: str) -> None:
    assert account.answer(text) is None


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        (
            "SELECT CURRENT_ROLE(), 'CURRENT_ROLE()' AS X, current_user() AS U",
            "SELECT 'ACCOUNTADMIN' AS \"CURRENT_ROLE()\", 'CURRENT_ROLE()' AS X, 'RAYDP' AS U",
        ),
        ("SELECT A, CURRENT_USER() FROM T", "SELECT A, 'RAYDP' AS \"CURRENT_USER()\" FROM T"),
        ("INSERT INTO T VALUES (1, CURRENT_USER(), 2)", "INSERT INTO T VALUES (1, 'RAYDP', 2)"),
        ("INSERT INTO T SELECT F(1), CURRENT_USER()", "INSERT INTO T SELECT F(1), 'RAYDP' AS \"CURRENT_USER()\""),
        ("SELECT COALESCE(A, CURRENT_USER(), B) FROM T", "SELECT COALESCE(A, 'RAYDP', B) FROM T"),
        ("SELECT A FROM T GROUP BY A, CURRENT_USER()", "SELECT A FROM T GROUP BY A, 'RAYDP'"),
        ("UPDATE T SET A = 1, B = CURRENT_USER()", "UPDATE T SET A = 1, B = 'RAYDP'"),
        ("SELECT 1, LAST_QUERY_ID(), 2", 'SELECT 1, NULL AS "LAST_QUERY_ID()", 2'),
        ("INSERT INTO T VALUES (1, LAST_QUERY_ID(), 2)", "INSERT INTO T VALUES (1, NULL, 2)"),
    ],
)
def test_the_session_is_known_inside_other_statements(account: Account, text: str, sql: str) -> None:
    answer = account.answer(text)
    assert isinstance(answer, RewriteAnswer)
    assert answer.sql == sql
