"""Errors of Snowflake's in this package's classes, each with what to do next."""

from __future__ import annotations

import pytest
from snowflake.connector.errors import DatabaseError, ProgrammingError

from airflow_provider_raydp_spcs.spcs import errors

ARM = (
    "Failed to retrieve image /db/sch/repo/raydp_head:1 from the image repository : SPCS only supports image for amd64 "
    "architecture. Please rebuild your image with '--platform linux/amd64' option"
)


@pytest.mark.parametrize(
    ("number", "message", "kind", "advice"),
    [
        (392508, "the maximum node limit", errors.CapacityError, "ALTER COMPUTE POOL <pool> SET MAX_NODES"),
        (392507, "no capacity", errors.CapacityError, "SHOW COMPUTE POOL INSTANCE FAMILIES"),
        (397012, "no such manifest", errors.ImageNotUsableError, "raydp-spcs images push"),
        (0, ARM, errors.ImageNotUsableError, "raydp-spcs images build"),
        (390100, "Incorrect username or password", errors.AuthenticationError, "correct the connection"),
        (
            390189,
            "Role 'R' specified in the connect string",
            errors.AuthenticationError,
            "role: correct the connection",
        ),
        (390422, "not allowed to access Snowflake", errors.AuthenticationError, "network policy"),
        (390111, "Session no longer exists.", errors.SessionEndedError, "another try signs in anew"),
        (390114, "Authentication token has expired.", errors.SessionEndedError, "another try signs in anew"),
        (90106, "does not have a current schema", errors.NoCurrentSchemaError, "GRANT USAGE ON SCHEMA"),
        (606, "No active warehouse selected", errors.NoWarehouseError, "ALTER WAREHOUSE <warehouse> RESUME"),
        (3013, "Requested role 'R' is not assigned", errors.InsufficientPrivilegesError, ""),
        (250003, "no route", errors.SnowflakeUnreachableError, "raydp-spcs local env"),
    ],
)
def test_what_to_do_next(number: int, message: str, kind: type[errors.SpcsError], advice: str) -> None:
    found = errors.translate(ProgrammingError(msg=message, errno=number or None, sqlstate="X"))
    assert type(found) is kind
    assert message in str(found)
    assert advice in str(found)


def test_a_token_that_is_refused_at_the_door_is_no_session_that_ended() -> None:
    """Another try would sign in with the same one."""
    refused = ProgrammingError(msg="Authentication token has expired.", errno=390114, sqlstate="08001")
    found = errors.translate_sign_in(refused)
    assert type(found) is errors.AuthenticationError
    assert found.number == 390114
    assert "correct the connection" in str(found)
    assert "another try" not in str(found)
    assert (
        type(errors.translate_sign_in(ProgrammingError(msg="no route", errno=250003)))
        is errors.SnowflakeUnreachableError
    )


def test_what_has_no_advice_stays_as_snowflake_said_it() -> None:
    assert str(errors.translate(DatabaseError(msg="so it is", errno=1))).splitlines()[-1].endswith("so it is")
