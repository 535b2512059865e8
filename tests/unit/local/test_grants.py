"""GRANT, REVOKE and SHOW GRANTS in all their forms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
        "CREATE ROLE P",
        "CREATE USER ANN",
        "CREATE WAREHOUSE W",
        "GRANT USAGE ON DATABASE DB TO ROLE R",
        "GRANT USAGE ON SCHEMA DB.S TO ROLE R",
    ) as made:
        yield made


def grants(account: Account, text: str) -> set[tuple[Any, ...]]:
    return {(row["privilege"], row["granted_on"], row["name"]) for row in account.rows(f"SHOW GRANTS {text}")}


def test_each_show_grants_has_its_documented_columns(account: Account) -> None:
    account.answer("GRANT ROLE R TO ROLE Q")
    account.answer("GRANT ROLE R TO USER ANN")
    account.answer("GRANT READ ON FUTURE STAGES IN SCHEMA DB.S TO ROLE R")
    common = [
        "created_on",
        "privilege",
        "granted_on",
        "name",
        "granted_to",
        "grantee_name",
        "grant_option",
        "granted_by",
    ]
    to_user = ["created_on", "privilege", "granted_on", "name", "role", *common[4:]]
    future = ["created_on", "privilege", "grant_on", "name", "grant_to", "grantee_name", "grant_option"]
    for text, columns in (
        ("SHOW GRANTS TO ROLE R", common),
        ("SHOW GRANTS ON SCHEMA DB.S", [*common, "granted_by_role_type"]),
        ("SHOW GRANTS TO USER ANN", to_user),
        ("SHOW GRANTS OF ROLE R", ["created_on", "role", "granted_to", "grantee_name", "granted_by"]),
        ("SHOW FUTURE GRANTS IN SCHEMA DB.S", future),
        ("SHOW FUTURE GRANTS TO ROLE R", future),
    ):
        assert list(account.rows(text)[0]) == columns, text
    assert {(row["granted_to"], row["grantee_name"]) for row in account.rows("SHOW GRANTS OF ROLE R")} == {
        ("ROLE", "Q"),
        ("USER", "ANN"),
    }
    assert [row["role"] for row in account.rows("SHOW GRANTS TO USER ANN")] == ["R"]
    assert account.rows("SHOW GRANTS") == []
    assert len(account.rows("SHOW GRANTS TO ROLE R LIMIT 1")) == 1


def test_owners_and_the_account_are_shown(account: Account) -> None:
    account.answer("GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE R")
    account.answer("GRANT CREATE STAGE ON SCHEMA DB.S TO ROLE R")
    allowed(account, "R", "CREATE STAGE ST")
    allowed(account, "R", "CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S")
    found = grants(account, "TO ROLE R")
    assert {("OWNERSHIP", "STAGE", "DB.S.ST"), ("OWNERSHIP", "COMPUTE_POOL", "P")} < found
    assert ("CREATE COMPUTE POOL", "ACCOUNT", "LOCAL") in found
    assert ("CREATE COMPUTE POOL", "ACCOUNT", "LOCAL") in grants(account, "ON ACCOUNT")
    assert grants(account, "ON STAGE ST") == {("OWNERSHIP", "STAGE", "DB.S.ST")}
    assert ("USAGE", "ROLE", "SYSADMIN") in grants(account, "TO ROLE ACCOUNTADMIN")
    assert ("MANAGE GRANTS", "ACCOUNT", "LOCAL") in grants(account, "TO ROLE SECURITYADMIN")


def test_grants_of_others_are_not_shown(account: Account) -> None:
    assert "3001" in refused(account, "Q", "SHOW GRANTS TO ROLE R")
    assert "3001" in refused(account, "Q", "SHOW GRANTS TO USER ANN")
    assert "Warehouse 'W' does not exist" in refused(account, "Q", "SHOW GRANTS ON WAREHOUSE W")
    allowed(account, "R", "SHOW GRANTS TO ROLE R")
    allowed(account, "SECURITYADMIN", "SHOW GRANTS TO ROLE R")
    for text in ("TO ROLE NOBODY", "TO USER NOBODY", "OF ROLE NOBODY", "ON WAREHOUSE NONE", "ON STAGE NONE"):
        with pytest.raises(SnowflakeFault, match="does not exist or not authorized"):
            account.answer(f"SHOW GRANTS {text}")


def test_all_objects_of_a_kind_at_once(account: Account) -> None:
    account.answer("CREATE STAGE A")
    account.answer("CREATE STAGE B")
    account.answer("GRANT READ, WRITE ON ALL STAGES IN SCHEMA DB.S TO ROLE R")
    account.answer("CREATE STAGE C")
    for name in ("A", "B"):
        allowed(account, "R", f"REMOVE @{name}")
    assert "does not exist" in refused(account, "R", "LIST @C")
    account.answer("REVOKE WRITE ON ALL STAGES IN DATABASE DB FROM ROLE R")
    assert "3001" in refused(account, "R", "REMOVE @A")
    allowed(account, "R", "LIST @B")


def test_what_is_granted_in_advance_holds_on_what_is_made_later(account: Account) -> None:
    account.answer("CREATE STAGE BEFORE")
    account.answer("GRANT READ ON FUTURE STAGES IN DATABASE DB TO ROLE R")
    account.answer("CREATE STAGE LATER")
    allowed(account, "R", "LIST @LATER")
    assert "does not exist" in refused(account, "R", "LIST @BEFORE")
    (row,) = account.rows("SHOW FUTURE GRANTS IN DATABASE DB")
    assert (row["grant_on"], row["name"], row["grantee_name"]) == ("STAGE", "DB.<STAGE>", "R")
    account.answer("GRANT READ ON FUTURE STAGES IN SCHEMA DB.S TO ROLE Q")
    account.answer("CREATE STAGE OF_THE_SCHEMA")
    assert "does not exist" in refused(account, "R", "LIST @OF_THE_SCHEMA"), "the schema's go before the database's"
    account.answer("REVOKE READ ON FUTURE STAGES IN DATABASE DB FROM ROLE R")
    assert account.rows("SHOW FUTURE GRANTS TO ROLE R") == []
    allowed(account, "R", "LIST @LATER")
    account.answer("GRANT USAGE, MONITOR ON FUTURE SERVICES IN SCHEMA DB.S TO ROLE R")
    account.answer("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S")
    account.answer(f"CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $${SPEC}$$")
    allowed(account, "R", "SHOW SERVICE CONTAINERS IN SERVICE X")
    assert "3001" in refused(account, "Q", "GRANT READ ON FUTURE STAGES IN SCHEMA DB.S TO ROLE Q") or (
        "does not exist" in refused(account, "Q", "GRANT READ ON FUTURE STAGES IN SCHEMA DB.S TO ROLE Q")
    )


def test_what_replaces_an_object_has_none_of_its_grants(account: Account) -> None:
    account.answer("CREATE STAGE ST")
    account.answer("GRANT READ ON STAGE ST TO ROLE R")
    account.answer("GRANT USAGE ON WAREHOUSE W TO ROLE R")
    account.answer("CREATE OR REPLACE STAGE ST")
    account.answer("CREATE OR REPLACE WAREHOUSE W")
    assert "does not exist" in refused(account, "R", "LIST @ST")
    assert "does not exist" in refused(account, "R", "USE WAREHOUSE W")


def test_what_was_handed_on_is_taken_back_only_when_asked(account: Account) -> None:
    account.answer("GRANT USAGE ON WAREHOUSE W TO ROLE R WITH GRANT OPTION")
    allowed(account, "R", "GRANT USAGE ON WAREHOUSE W TO ROLE Q WITH GRANT OPTION")
    allowed(account, "Q", "GRANT USAGE ON WAREHOUSE W TO ROLE P")
    by = {row["grantee_name"]: row["granted_by"] for row in account.rows("SHOW GRANTS ON WAREHOUSE W")}
    assert by == {"ACCOUNTADMIN": "ACCOUNTADMIN", "R": "ACCOUNTADMIN", "Q": "R", "P": "Q"}
    with pytest.raises(SnowflakeFault, match="Dependent grant of privilege 'USAGE' on securable 'W' to role 'Q'"):
        account.answer("REVOKE USAGE ON WAREHOUSE W FROM ROLE R")
    account.answer("REVOKE GRANT OPTION FOR USAGE ON WAREHOUSE W FROM ROLE Q CASCADE")
    assert "does not exist" in refused(account, "P", "USE WAREHOUSE W")
    allowed(account, "Q", "USE WAREHOUSE W")
    assert "3001" in refused(account, "Q", "GRANT USAGE ON WAREHOUSE W TO ROLE P")
    account.answer("REVOKE USAGE ON WAREHOUSE W FROM ROLE R CASCADE")
    for role in ("R", "Q"):
        assert "does not exist" in refused(account, role, "USE WAREHOUSE W")


def test_objects_change_hands(account: Account) -> None:
    account.answer("CREATE STAGE ST")
    account.answer("GRANT READ ON STAGE ST TO ROLE Q")
    with pytest.raises(SnowflakeFault, match="Dependent grant of privilege 'READ'"):
        account.answer("GRANT OWNERSHIP ON STAGE ST TO ROLE R")
    account.answer("GRANT OWNERSHIP ON STAGE ST TO ROLE R COPY CURRENT GRANTS")
    assert {(row["privilege"], row["grantee_name"]) for row in account.rows("SHOW GRANTS ON STAGE ST")} == {
        ("OWNERSHIP", "R"),
        ("READ", "Q"),
    }
    allowed(account, "R", "GRANT OWNERSHIP ON STAGE ST TO ROLE P REVOKE CURRENT GRANTS")
    assert grants(account, "ON STAGE ST") == {("OWNERSHIP", "STAGE", "DB.S.ST")}
    with pytest.raises(SnowflakeFault, match="OWNERSHIP cannot be revoked"):
        account.answer("REVOKE OWNERSHIP ON STAGE ST FROM ROLE P")
    account.answer("GRANT OWNERSHIP ON USER ANN TO ROLE R")
    allowed(account, "R", "ALTER USER ANN SET COMMENT = 'x'")


def test_service_roles_are_shown(account: Account) -> None:
    text = SPEC.replace("spec:", "serviceRoles: [{name: looker, endpoints: [web]}]\nspec:", 1)
    account.answer("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S")
    account.answer(f"CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $${text}$$")
    account.answer("GRANT SERVICE ROLE X!looker TO ROLE R")
    (row,) = account.rows("SHOW GRANTS OF SERVICE ROLE DB.S.X!LOOKER")
    assert (row["role"], row["granted_to"], row["grantee_name"]) == ("DB.S.X!LOOKER", "ROLE", "R")
    for role in ("LOOKER", "ALL_ENDPOINTS_USAGE"):
        (row,) = account.rows(f"SHOW GRANTS TO SERVICE ROLE X!{role}")
        assert (row["privilege"], row["granted_on"], row["name"]) == ("USAGE", "SERVICE_ENDPOINT", "DB.S.X!web")
    account.answer("REVOKE SERVICE ROLE X!looker FROM ROLE R")
    assert account.rows("SHOW GRANTS OF SERVICE ROLE X!LOOKER") == []


def test_secondary_roles_help_with_everything_but_making_objects(account: Account) -> None:
    account.answer("GRANT ROLE R TO USER RAYDP")
    account.answer("GRANT ROLE Q TO USER RAYDP")
    account.answer("GRANT CREATE STAGE ON SCHEMA DB.S TO ROLE R")
    account.answer("CREATE STAGE READABLE")
    account.answer("GRANT READ ON STAGE READABLE TO ROLE R")
    account.session.assigned_role = "PUBLIC"
    account.session.role = "Q"
    with pytest.raises(SnowflakeFault, match="Database 'DB' does not exist"):
        account.answer("LIST @DB.S.READABLE")
    account.answer("USE SECONDARY ROLES ALL")
    account.answer("LIST @DB.S.READABLE")
    assert [row["name"] for row in account.rows("SHOW STAGES")] == ["READABLE"]
    with pytest.raises(SnowflakeFault, match="Insufficient privileges to operate on schema 'S'"):
        account.answer("CREATE STAGE ST")
    account.answer("USE ROLE R")
    account.answer("CREATE STAGE ST")
    account.answer("USE ROLE Q")
    account.answer("DROP STAGE ST")
    account.answer("USE SECONDARY ROLES NONE")
    with pytest.raises(SnowflakeFault, match="Database 'DB' does not exist"):
        account.answer("LIST @DB.S.READABLE")


@pytest.mark.parametrize(
    "text",
    [
        "GRANT ON STAGE X TO ROLE R",
        "GRANT READ ON FUTURE NONSENSE IN SCHEMA S TO ROLE R",
        "GRANT READ ON ALL STAGES IN WAREHOUSE W TO ROLE R",
        "GRANT READ, ON STAGE X TO ROLE R",
        "GRANT NONSENSE ON STAGE X TO ROLE R",
        "GRANT READ, NONSENSE ON ALL STAGES IN SCHEMA DB.S TO ROLE R",
        "GRANT READ ON COMPUTE POOL P TO ROLE R",
        "GRANT SELECT ON ACCOUNT TO ROLE R",
        "GRANT CREATE STAGE ON STAGE X TO ROLE R",
        "GRANT ROLE R",
        "GRANT READ ON STAGE X FROM ROLE R",
        "REVOKE READ ON STAGE X TO ROLE R",
        "SHOW GRANTS TO NOBODY",
        "SHOW FUTURE GRANTS IN WAREHOUSE W",
        "SHOW GRANTS ON",
        "USE SECONDARY ROLES",
    ],
)
def test_what_cannot_be_read_is_a_syntax_error(account: Account, text: str) -> None:
    with pytest.raises(SnowflakeFault) as caught:
        account.answer(text)
    assert caught.value.number == 1003


@pytest.mark.parametrize(
    "text",
    [
        "GRANT DATABASE ROLE D.R TO ROLE R",
        "GRANT USAGE ON WAREHOUSE W TO USER ANN",
        "GRANT OWNERSHIP ON FUTURE STAGES IN SCHEMA DB.S TO ROLE R",
        "USE SECONDARY ROLES R",
        "ALTER USER ANN RESET PASSWORD",
    ],
)
def test_what_is_not_there_names_itself_unsupported(account: Account, text: str) -> None:
    with pytest.raises(SnowflakeFault, match="Unsupported feature") as caught:
        account.answer(text)
    assert (caught.value.number, caught.value.sqlstate) == (2, "0A000")


def test_roles_are_shown_with_what_they_are_to_the_session(account: Account) -> None:
    account.answer("GRANT ROLE R TO ROLE Q")
    account.answer("GRANT ROLE R TO USER ANN")
    account.session.role = "Q"
    rows = {row["name"]: row for row in account.rows("SHOW ROLES")}
    assert set(rows) == {"ACCOUNTADMIN", "P", "PUBLIC", "Q", "R", "SECURITYADMIN", "SYSADMIN", "USERADMIN"}
    told = ("is_current", "is_inherited", "assigned_to_users", "granted_to_roles", "granted_roles", "owner")
    assert [rows["R"][key] for key in told] == ["N", "Y", 1, 1, 0, "ACCOUNTADMIN"]
    assert [rows["Q"][key] for key in told] == ["Y", "N", 0, 0, 1, "ACCOUNTADMIN"]
    assert [row["name"] for row in account.rows("SHOW ROLES LIKE 'sys%'")] == ["SYSADMIN"]
