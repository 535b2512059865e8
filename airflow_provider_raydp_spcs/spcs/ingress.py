"""Signing in at public endpoints: one header, three kinds of credential (SPCS reference 4.2)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.spcs.errors import AuthenticationError, translate

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

RENEW_AFTER_SECONDS: Final = 600
"""Session tokens are short-lived; a fresh one every ten minutes is well inside any lifetime Snowflake states."""


@dataclass(frozen=True)
class IngressToken:
    """A credential, and until when (monotonic seconds) it is used."""

    value: str = field(repr=False)
    use_until: float

    @property
    def seconds_left(self) -> int:
        """How long it is used yet."""
        return max(1, int(min(RENEW_AFTER_SECONDS, self.use_until - time.monotonic())))

    @property
    def header(self) -> dict[str, str]:
        """The header that the ingress reads."""
        return {"Authorization": f'Snowflake Token="{self.value}"'}


class IngressTokens:
    """Hands out headers, renewing the token behind them.

    :param issue: gets a new token's text.
    """

    def __init__(self, issue: Callable[[], str], renew_after: float = RENEW_AFTER_SECONDS) -> None:
        self._issue = issue
        self._renew_after = renew_after
        self._token: IngressToken | None = None

    def headers(self) -> dict[str, str]:
        """The header with a token that is still good.

        :raises SpcsError: Snowflake gives no token.
        """
        return self.current().header

    def current(self) -> IngressToken:
        """The token itself, still good, for those who take it in another form, as the image registry does.

        :raises SpcsError: Snowflake gives no token.
        """
        if self._token is None or time.monotonic() >= self._token.use_until:
            self._token = IngressToken(self._issue(), time.monotonic() + self._renew_after)
        return self._token

    def forget(self) -> None:
        """Drop the token, as after a refusal; the next call asks for a new one."""
        self._token = None


class AsyncIngressTokens:
    """The same for an event loop, on which nothing may block.

    :param issue: gets the headers with a fresh token.
    """

    def __init__(
        self, issue: Callable[[], Awaitable[dict[str, str]]], renew_after: float = RENEW_AFTER_SECONDS
    ) -> None:
        self._issue, self._renew_after = issue, renew_after
        self._headers: dict[str, str] = {}
        self._use_until = float("-inf")

    async def headers(self) -> dict[str, str]:
        """The header with a token that is still good.

        :raises SpcsError: Snowflake gives no token.
        """
        if time.monotonic() >= self._use_until:
            self._headers = await self._issue()
            self._use_until = time.monotonic() + self._renew_after
        return self._headers

    def forget(self) -> None:
        """Drop the token, as after a refusal."""
        self._use_until = float("-inf")


def session_tokens(connection: SnowflakeConnection) -> IngressTokens:
    """Tokens issued for the connection's own session; works with every kind of login."""

    def issue() -> str:
        import snowflake.connector.errors as connector_errors

        try:
            # The connector has no public way to ask for one; Snowflake's own command line does the same.
            reply = connection._rest._token_request("ISSUE")
        except connector_errors.Error as error:
            raise translate(error) from error
        if not reply.get("success", True) or not (reply.get("data") or {}).get("sessionToken"):
            msg = f"Snowflake issues no session token for the ingress: {reply.get('message')}"
            raise AuthenticationError(msg)
        return str(reply["data"]["sessionToken"])

    return IngressTokens(issue)


def programmatic_access_token(token: str) -> IngressTokens:
    """A programmatic access token (PAT) of the user; Snowflake recommends this for machines."""
    return IngressTokens(lambda: token, renew_after=float("inf"))
