"""Snowflake's HTTP protocol as its clients speak it: which route is whose."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from airflow_provider_raydp_spcs.local.wire.chunks import Chunks
from airflow_provider_raydp_spcs.local.wire.messages import guarded
from airflow_provider_raydp_spcs.local.wire.oauth import OAuth
from airflow_provider_raydp_spcs.local.wire.queries import Queries
from airflow_provider_raydp_spcs.local.wire.sessions import Sessions
from airflow_provider_raydp_spcs.local.wire.sql_api import SqlApi
from airflow_provider_raydp_spcs.local.wire.transfers import BUCKET, Transfers


class Wire:
    """The routes."""

    def __init__(
        self,
        sessions: Sessions,
        queries: Queries,
        transfers: Transfers,
        chunks: Chunks,
        oauth: OAuth,
        sql_api: SqlApi,
    ) -> None:
        self._sessions, self._queries, self._transfers, self._chunks = sessions, queries, transfers, chunks
        self._oauth, self._sql_api = oauth, sql_api

    def app(self) -> Starlette:
        """The application."""
        sessions, queries, post = self._sessions, self._queries, ["POST"]
        return Starlette(
            routes=[
                Route("/session/v1/login-request", guarded(sessions.login), methods=post),
                Route("/session/token-request", guarded(sessions.token), methods=post),
                Route("/session/heartbeat", guarded(sessions.heartbeat), methods=post),
                Route("/session", guarded(sessions.end), methods=post),
                Route("/queries/v1/query-request", guarded(queries.query), methods=post),
                Route("/queries/v1/abort-request", guarded(queries.abort), methods=post),
                *self._sql_api.routes(),
                Route("/oauth/token", self._oauth.token, methods=post),
                Route("/telemetry/send", guarded(sessions.telemetry), methods=post),
                Route("/queries/{id}/result", guarded(queries.result), methods=["GET"]),
                Route("/queries/{id}/abort-request", guarded(queries.abort_by_id), methods=post),
                Route("/monitoring/queries/{id}", guarded(queries.monitor), methods=["GET"]),
                Route(f"/{BUCKET}/{{path:path}}", self._transfers.serve, methods=["GET", "HEAD", "PUT"]),
                Route("/results/{id}/{start:int}/{count:int}", self._chunks.serve, methods=["GET"]),
                Route("/healthz", guarded(_health), methods=["GET"]),
            ]
        )


async def _health(request: Request) -> JSONResponse:
    del request
    return JSONResponse({"success": True})
