"""Why no session can be had at all."""

from __future__ import annotations

from typing import Final

from airflow_provider_raydp_spcs.cluster.doctor.findings import Finding, error
from airflow_provider_raydp_spcs.spcs.errors import AuthenticationError, SnowflakeUnreachableError, SpcsError

CHECK: Final = "sign-in"
_ROLE: Final = 390189
_CAUSES: Final = {
    390100: "user or password of connection {connection} are wrong",
    390101: "user or password of connection {connection} are wrong",
    390104: "the token of connection {connection} has expired",
    390111: "the session of connection {connection} has ended",
    390112: "the session of connection {connection} has ended",
    390114: "the token of connection {connection} has expired",
    390144: "the key pair of connection {connection} is not the user's",
    390303: "the OAuth token of connection {connection} is not valid, or has expired",
    390318: "the OAuth token of connection {connection} has expired",
    390422: "a network policy keeps this machine's address out",
}
_POLICY: Final = 390422


def explain(failure: SpcsError, connection: str, role: str) -> Finding:
    """The finding for a connection that failed."""
    told = str(failure).splitlines()[0]
    if failure.number == _ROLE or "specified in the connect string" in str(failure):
        what = f"the role of connection {connection} is not there, or not the user's: {told}"
        return error(CHECK, what, f"raydp-spcs setup --admin  # makes {role}; then: GRANT ROLE {role} TO USER <user>")
    if isinstance(failure, SnowflakeUnreachableError):
        what = f"Snowflake does not answer at the host of connection {connection}: {told}"
        mend = (
            f"correct account, host and port of connection {connection}; for the local Snowflake: raydp-spcs local up"
        )
        return error(CHECK, what, mend)
    if isinstance(failure, AuthenticationError):
        cause = _CAUSES.get(failure.number or 0, "Snowflake does not let connection {connection} in")
        if failure.number == _POLICY:
            mend = "ask an administrator to add this machine's address to the network policy"
        elif connection == "env":
            mend = 'eval "$(raydp-spcs local env)"'
        else:
            mend = f"correct user and password or token of connection {connection} in connections.toml"
        return error(CHECK, f"{cause.format(connection=connection)}: {told}", mend)
    return error(CHECK, f"connection {connection} cannot be opened: {told}", "snow connection test")
