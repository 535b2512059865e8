"""``POST /oauth/token``: a key pair's token exchanged for one that opens a public endpoint (SPCS reference 4.2)."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.security.access import Access
from airflow_provider_raydp_spcs.local.security.sign_in import Identity, SignIn

SECONDS: Final = 3600
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ROLE: Final = "session:role:"
_MAX_BYTES: Final = 20_000


class OAuth:
    """The exchange."""

    def __init__(self, sign_in: SignIn, access: Access) -> None:
        self._sign_in, self._access = sign_in, access

    async def token(self, request: Request) -> Response:
        """The token is the whole body of the answer; a refusal is HTTP 400 or 401 with JSON."""
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _MAX_BYTES:
                return _refused("invalid_request", "The request is too long.")
        form = {key: values[0] for key, values in parse_qs(body.decode(errors="replace")).items()}
        if form.get("grant_type") != _JWT_BEARER:
            return _refused("unsupported_grant_type", f"The grant type must be {_JWT_BEARER}.")
        scopes = form.get("scope", "").split()
        hosts = [each for each in scopes if not each.startswith(_ROLE)]
        roles = [each.removeprefix(_ROLE) for each in scopes if each.startswith(_ROLE)]
        if len(hosts) != 1 or len(roles) > 1:
            return _refused(
                "invalid_scope", f"The scope must be '{_ROLE}<role> <endpoint host>'; the role may be left out."
            )
        try:
            identity = await run_in_threadpool(self._sign_in.with_jwt, form.get("assertion", ""))
        except SnowflakeFault as fault:
            return _refused("invalid_grant", fault.message, code=f"{fault.number:06d}", status=401)
        role = roles[0] if roles else identity.role
        if role not in self._access.of_user(identity.user, "PUBLIC"):
            return _refused("invalid_scope", f"Role '{role}' does not exist or is not granted to the user.")
        made = Identity(identity.user, role, is_restricted=True, host=hosts[0])
        return PlainTextResponse(self._sign_in.issue(made, "endpoint", SECONDS))


def _refused(error: str, message: str, *, code: str | None = None, status: int = 400) -> Response:
    body = {"data": None, "error": error, "code": code, "message": message, "success": False, "headers": None}
    return JSONResponse(body, status_code=status)
