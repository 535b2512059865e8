"""What the ingress changes in requests and in answers (SPCS reference 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from airflow_provider_raydp_spcs.local.ingress.sign_in_page import without_cookie

HOP: Final = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length"}
)
"""Headers of one connection."""
HANDSHAKE: Final = frozenset(
    {"sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"}
)
"""Headers of a WebSocket's handshake, which each of both connections makes for itself."""
USER: Final = "sf-context-current-user"
_EXECUTABLE: Final = frozenset(
    f"application/{name}"
    for name in (
        "x-msdownload",
        "exe",
        "x-exe",
        "dos-exe",
        "x-winexe",
        "msdos-windows",
        "x-msdos-program",
        "x-sh",
        "x-bsh",
        "x-csh",
        "x-tcsh",
        "batch",
    )
)
_DROPPED: Final = frozenset(
    {"x-xss-protection", "server", "x-powered-by", "public-key-pins", "content-security-policy-report-only"}
)
_SET: Final = {
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-embedder-policy": "credentialless",
}
_BASELINE: Final = (
    "content-security-policy",
    (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; object-src 'none'; connect-src 'self'; "
        "frame-ancestors 'self';"
    ),
)
_ALWAYS_EXPOSED: Final = (
    "X-Frame-Options",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "X-Content-Type-Options",
    "Cross-Origin-Embedder-Policy",
    "Content-Security-Policy-Report-Only",
    "Content-Security-Policy",
)
_MAX_AGE_SECONDS: Final = 7200
Cors = Mapping[str, Sequence[str]]
"""``corsSettings`` of an endpoint."""


def snowflake_token(header: str) -> str | None:
    """The token of ``Snowflake Token="…"``, with or without quotes; None for anything else."""
    scheme, _, rest = header.strip().partition(" ")
    key, equals, value = rest.strip().partition("=")
    if scheme.lower() != "snowflake" or key.strip().lower() != "token" or not equals:
        return None
    return value.strip().strip('"') or None


def for_container(headers: Iterable[tuple[str, str]], user: str) -> list[tuple[str, str]]:
    """A request's headers as the container gets them: who it is, and no Snowflake token; another Authorization passes."""
    kept = []
    for name, value in headers:
        ours = name.startswith("sf-context-") or name == "x-sf-spcs-authorization"
        if ours or (name in HOP and name != "content-length"):
            continue
        if name == "authorization" and snowflake_token(value) is not None:
            continue
        passed = without_cookie(value) if name == "cookie" else value
        if passed or name != "cookie":
            kept.append((name, passed))
    return [*kept, (USER, user)]


def is_executable(content_type: str) -> bool:
    """Whether an answer is a program, which the ingress does not hand out."""
    return content_type.partition(";")[0].strip().lower() in _EXECUTABLE


def for_client(headers: Iterable[tuple[bytes, bytes]], cors: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """An answer's headers as the client gets them. A container's own Content-Security-Policy stays beside the baseline's.

    :param cors: what :func:`cors_headers` says.
    """
    kept = []
    for raw, value in headers:
        name = raw.decode("latin-1").lower()
        changed = name in _DROPPED or name in _SET or name.startswith("access-control-")
        if not changed and (name not in HOP or name == "content-length"):
            kept.append((name.encode("latin-1"), value))
    added = [*_SET.items(), _BASELINE, *((name.lower(), value) for name, value in cors.items())]
    return [*kept, *((name.encode(), value.encode("latin-1")) for name, value in added)]


def cors_headers(settings: Cors, origin: str | None) -> dict[str, str]:
    """What a page of another origin is told: nothing, unless the specification names the origin."""
    if origin is None or origin not in settings.get("Access-Control-Allow-Origin", ()):
        return {}
    exposed = [*settings.get("Access-Control-Expose-Headers", ()), *_ALWAYS_EXPOSED]
    told = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Max-Age": str(_MAX_AGE_SECONDS),
        "Access-Control-Expose-Headers": ", ".join(exposed),
        "Vary": "Origin",
    }
    for name in ("Access-Control-Allow-Methods", "Access-Control-Allow-Headers"):
        if settings.get(name):
            told[name] = ", ".join(settings[name])
    return told
