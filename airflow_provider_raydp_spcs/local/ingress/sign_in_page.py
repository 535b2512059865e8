"""How a person with a browser comes in: a page that asks for user and password, and a cookie (SPCS reference 4.4, 4.5).

Snowflake's own page is on another host and looks otherwise; what goes before it and comes after it is the same.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

LetIn = Callable[[str, str], str | None]
"""User and password → a token, or None."""
LOGIN: Final = "/sfc-endpoint/login"
LOGOUT: Final = "/sfc-endpoint/logout"
COOKIE: Final = "sfc-endpoint-token"
_MAX_FORM_BYTES: Final = 10_000
# The form's target takes what stands behind "#" along, so that a link to a page inside a dashboard opens that page.
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in to the local Snowflake</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; background: #f4f6f8; color: #1b2733; margin: 0 }}
  form {{ background: #fff; max-width: 20rem; margin: 12vh auto; padding: 2rem; border-radius: .5rem;
         box-shadow: 0 1px 6px #0003 }}
  h1 {{ font-size: 1.25rem; margin: 0 0 1rem }} label {{ display: block; margin-bottom: 1rem }}
  input {{ display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .5rem }}
  button {{ font: inherit; width: 100%; padding: .5rem; border: 0; border-radius: .25rem;
           background: #1167a8; color: #fff; cursor: pointer }}
  p {{ font-size: .875rem }} .wrong {{ color: #b00020 }} code {{ white-space: nowrap }}
</style></head><body>
<form method="post" action="{action}" onsubmit="this.action += location.hash">
  <h1>Local Snowflake</h1>
  {wrong}
  <label>User <input name="user" value="{user}" autocomplete="username" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required autofocus></label>
  <button>Sign in</button>
  <p>User and password are printed by <code>raydp-spcs local env</code>.</p>
</form></body></html>
"""


def to_sign_in(connection: HTTPConnection, method: str) -> Response:
    """Send whoever came without a credential to the page, and from there back to what was asked for."""
    query = f"?{connection.url.query}" if connection.url.query else ""
    wanted = quote(connection.url.path + query, safe="") if method == "GET" else ""
    return RedirectResponse(f"{LOGIN}?to={wanted}" if wanted else LOGIN, status_code=302)


def token_in_cookie(connection: HTTPConnection) -> str | None:
    """The token that the page left in the browser."""
    return connection.cookies.get(COOKIE)


def without_cookie(header: str) -> str:
    """A ``Cookie`` header as the container gets it: the token stays outside."""
    pairs = [pair.strip() for pair in header.split(";")]
    return "; ".join(pair for pair in pairs if pair and pair.partition("=")[0].strip() != COOKIE)


def is_foreign(connection: HTTPConnection) -> bool:
    """Whether a page of another origin sent this; browsers send cookies along even then."""
    origin = connection.headers.get("origin")
    return origin is not None and origin != f"https://{connection.headers.get('host')}"


def sign_in_routes(let_in: LetIn, user: str) -> list[BaseRoute]:
    """The page and what it posts to, and the way out.

    :param let_in: checks a password.
    :param user: whom the page suggests.
    """

    async def show(request: Request) -> Response:
        return _page(_target(request), user)

    async def enter(request: Request) -> Response:
        form = parse_qs((await _body(request)).decode(errors="replace"))
        name, password = (form.get(key, [""])[0] for key in ("user", "password"))
        token = await run_in_threadpool(let_in, name, password)  # hashing is slow, and others wait for nothing
        if token is None:
            return _page(_target(request), name, wrong=True)
        reply = RedirectResponse(_target(request), status_code=303)
        reply.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="lax")
        return reply

    async def leave(request: Request) -> Response:
        del request
        reply = RedirectResponse(LOGIN, status_code=303)
        reply.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")
        return reply

    async def show_handshake(socket: WebSocket) -> None:
        # Some clients follow a redirect with a handshake; they are to learn that this is a page.
        await socket.send_denial_response(_page("/", user))

    return [
        WebSocketRoute(LOGIN, show_handshake),
        Route(LOGIN, show, methods=["GET"]),
        Route(LOGIN, enter, methods=["POST"]),
        Route(LOGOUT, leave, methods=["GET"]),
    ]


def _page(target: str, user: str, *, wrong: bool = False) -> Response:
    action = f"{LOGIN}?to={quote(target, safe='')}"
    message = '<p class="wrong">Incorrect username or password was specified.</p>' if wrong else ""
    text = _PAGE.format(action=html.escape(action), user=html.escape(user), wrong=message)
    headers = {"X-Frame-Options": "DENY", "Cache-Control": "no-store"}
    return HTMLResponse(text, status_code=401 if wrong else 200, headers=headers)


def _target(request: Request) -> str:
    """Where to go on: a path of this endpoint, never another host."""
    wanted = request.query_params.get("to", "/")
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_path and wanted.isprintable() else "/"


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_FORM_BYTES:
            return b""
    return body
