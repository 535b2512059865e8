"""Who may do what: the rules of ``local.security.access`` through the statements that make and use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from tests.unit.local.played import Account, allowed, opened, refused
from tests.unit.local.test_statements import SPEC


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with opened(
        tmp_path,
        "CREATE DATABASE DB",
        "CREATE SCHEMA DB.S",
        "CREATE ROLE R",
        "CREATE ROLE Q",
        "GRANT USAGE ON DATABASE DB TO ROLE R",
        "GRANT USAGE ON SCHEMA DB.S TO ROLE R",
    ) as made:
        yield made


def test_who_makes_an_object_owns_it(account: Account) -> None:
    assert "3001 SQL access control error:\nInsufficient privileges to operate on schema 'S'." in refused(
        account, "R", "CREATE STAGE ST"
    )
    account.answer("GRANT CREATE STAGE ON SCHEMA DB.S TO ROLE R")
    allowed(account, "R", "CREATE STAGE ST")
    allowed(account, "R", "GRANT READ ON STAGE ST TO ROLE Q")
    assert "Database 'DB' does not exist or not authorized." in refused(account, "Q", "LIST @DB.S.ST")
    account.answer("GRANT ROLE R TO ROLE Q")
    allowed(account, "Q", "REMOVE @DB.S.ST")
    allowed(account, "Q", "DROP STAGE ST")


def test_what_is_dropped_takes_its_grants_along(account: Account) -> None:
    account.answer("CREATE STAGE ST")
    account.answer("GRANT READ ON STAGE ST TO ROLE R")
    allowed(account, "R", "LIST @ST")
    account.answer("DROP STAGE ST")
    account.answer("CREATE STAGE ST")
    assert "Stage 'DB.S.ST' does not exist or not authorized." in refused(account, "R", "LIST @ST")


def test_only_owners_and_those_with_the_option_hand_privileges_on(account: Account) -> None:
    account.answer("CREATE WAREHOUSE W")
    assert "Warehouse 'W' does not exist" in refused(account, "R", "GRANT USAGE ON WAREHOUSE W TO ROLE Q")
    account.answer("GRANT USAGE ON WAREHOUSE W TO ROLE R")
    assert "Insufficient privileges" in refused(account, "R", "GRANT USAGE ON WAREHOUSE W TO ROLE Q")
    account.answer("GRANT USAGE ON WAREHOUSE W TO ROLE R WITH GRANT OPTION")
    allowed(account, "R", "GRANT USAGE ON WAREHOUSE W TO ROLE Q")
    allowed(account, "Q", "USE WAREHOUSE W")
    assert "Insufficient privileges" in refused(account, "R", "GRANT OPERATE ON WAREHOUSE W TO ROLE Q")


def test_roles_form_no_ring(account: Account) -> None:
    account.answer("GRANT ROLE R TO ROLE Q")
    assert "cannot be granted" in refused(account, "ACCOUNTADMIN", "GRANT ROLE Q TO ROLE R")


def test_a_user_takes_only_roles_of_theirs(account: Account) -> None:
    assert "3013" in refused(account, "ACCOUNTADMIN", "USE ROLE R")
    account.answer("GRANT ROLE R TO USER RAYDP")
    account.answer("USE ROLE R")
    assert account.session.role == "R"
    account.session.role = "ACCOUNTADMIN"
    account.answer("REVOKE ROLE R FROM USER RAYDP")
    assert "3013" in refused(account, "ACCOUNTADMIN", "USE ROLE R")
    account.answer("GRANT ROLE R TO ROLE SYSADMIN")
    account.answer("USE ROLE R")


def test_each_thing_that_a_service_names_must_be_the_roles_to_use(account: Account) -> None:
    account.answer("CREATE DATABASE D")
    account.answer("CREATE SCHEMA D.S")
    account.session.database = "D"
    account.answer("CREATE IMAGE REPOSITORY R")
    account.session.database = "DB"
    account.answer("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S")
    create = f"CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $${SPEC}$$"
    for lacking, grant in (
        ("schema 'S'", "CREATE SERVICE ON SCHEMA DB.S"),
        ("Compute pool 'P' does not exist", "MONITOR ON COMPUTE POOL P"),
        ("compute pool 'P'", "USAGE ON COMPUTE POOL P"),
        ("account 'LOCAL'", "BIND SERVICE ENDPOINT ON ACCOUNT"),
        ("Database 'D' does not exist", "USAGE ON DATABASE D"),
        ("Schema 'D.S' does not exist", "USAGE ON SCHEMA D.S"),
        ("Image repository 'D.S.R' does not exist", "READ ON IMAGE REPOSITORY D.S.R"),
    ):
        assert lacking in refused(account, "R", create)
        account.answer(f"GRANT {grant} TO ROLE R")
    allowed(account, "R", create)
    for statement in ("ALTER SERVICE X SUSPEND", "SHOW SERVICE CONTAINERS IN SERVICE X", "DROP SERVICE X"):
        assert "Service 'DB.S.X' does not exist" in refused(account, "Q", statement.replace(" X", " DB.S.X")) or (
            "Database 'DB'" in refused(account, "Q", statement.replace(" X", " DB.S.X"))
        )
        allowed(account, "R", statement)


def test_a_public_endpoint_lets_in_whom_its_owner_lets_in(account: Account) -> None:
    text = SPEC.replace("spec:", "serviceRoles: [{name: looker, endpoints: [web]}]\nspec:", 1)
    account.answer("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S")
    account.answer(f"CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $${text}$$")
    access, roles = account.dispatcher.access, {"LOOKER": ("web",)}

    def enters(endpoint: str = "web") -> bool:
        return access.enters("R", "DB.S.X", endpoint, roles)

    assert not enters()
    account.answer("GRANT SERVICE ROLE DB.S.X!LOOKER TO ROLE R")
    assert enters()
    assert not enters("other")
    account.answer("GRANT SERVICE ROLE DB.S.X!ALL_ENDPOINTS_USAGE TO ROLE R")
    assert enters("other")
    account.answer("REVOKE USAGE ON SCHEMA DB.S FROM ROLE R")
    assert not enters("other")
    with pytest.raises(SnowflakeFault, match="Service role"):
        account.answer("GRANT SERVICE ROLE DB.S.X!NOBODYS TO ROLE R")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM DB.T.X",
        "select a.b from db.t.x as a join s.y using (id)",
        "INSERT INTO DB.T.X SELECT 1",
        "UPDATE DB.T.X SET A = 1",
        "MERGE INTO S.X USING DB.T.Y ON TRUE WHEN MATCHED THEN DELETE",
        "DROP TABLE DB.T.X",
        'SELECT * FROM "DB"."T"."X"',
        "CREATE TABLE DB.T.X (A INT)",
        "USE SCHEMA DB.T",
    ],
)
def test_tables_are_reached_through_their_schema(account: Account, statement: str) -> None:
    account.answer("CREATE SCHEMA DB.T")
    refused(account, "R", statement)
    for privilege in ("USAGE", "CREATE TABLE"):
        account.answer(f"GRANT {privilege} ON SCHEMA DB.T TO ROLE R")
    allowed(account, "R", statement)


@pytest.mark.parametrize(
    "statement", ["SELECT 1", "SELECT EXTRACT(YEAR FROM CURRENT_DATE())", "SELECT * FROM T", "COMMIT"]
)
def test_a_role_without_anything_may_still_calculate(account: Account, statement: str) -> None:
    account.session.database = account.session.schema = None
    allowed(account, "Q", statement)


def test_a_database_goes_with_all_in_it_but_not_with_services(account: Account) -> None:
    account.answer("CREATE STAGE ST")
    account.answer("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S")
    account.answer(f"CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $${SPEC}$$")
    assert "services X still exist" in refused(account, "ACCOUNTADMIN", "DROP DATABASE DB")
    assert "Insufficient privileges to operate on database 'DB'" in refused(account, "R", "DROP DATABASE DB")


def test_a_file_format_is_made_used_and_dropped_by_who_may(account: Account) -> None:
    assert "3001" in refused(account, "R", "CREATE TEMPORARY FILE FORMAT F TYPE = CSV")
    account.answer("GRANT CREATE FILE FORMAT ON SCHEMA DB.S TO ROLE R")
    allowed(account, "R", "CREATE FILE FORMAT F TYPE = CSV")
    account.answer("GRANT USAGE ON DATABASE DB TO ROLE Q")
    account.answer("GRANT USAGE ON SCHEMA DB.S TO ROLE Q")
    assert "File format 'DB.S.F' does not exist" in refused(account, "Q", "DESC FILE FORMAT F")
    allowed(account, "R", "GRANT USAGE ON FILE FORMAT F TO ROLE Q")
    allowed(account, "Q", "DESC FILE FORMAT F")
    assert "3001" in refused(account, "Q", "DROP FILE FORMAT F")
    assert "3001" in refused(account, "Q", "CREATE OR REPLACE FILE FORMAT F TYPE = JSON")
    allowed(account, "R", "DROP FILE FORMAT F")
    assert account.rows("SHOW FILE FORMATS") == []


@pytest.mark.parametrize(
    "kind", ["TEMPORARY FUNCTION F() RETURNS INT AS '1'", "FUNCTION F() RETURNS INT LANGUAGE PYTHON"]
)
def test_a_function_that_is_not_sql_is_named_unsupported(account: Account, kind: str) -> None:
    with pytest.raises(SnowflakeFault, match="Unsupported feature 'CREATE") as caught:
        account.answer(f"CREATE {kind}")
    assert caught.value.number == 2
