"""The life of sessions, with an engine that only notes what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.security.sign_in import HINT, Identity, SignIn
from airflow_provider_raydp_spcs.local.wire.sessions import Sessions, Wanted
from tests.unit.local.played import Account


class FakeEngine:
    """Sessions by token."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[str | None, str | None]] = {}

    def open_session(self, token: str, database: str | None, schema: str | None) -> tuple[str | None, str | None]:
        self.open[token] = (database, schema)
        return database, schema

    def alias(self, token: str, known: str) -> None:
        self.open[token] = self.open[known]

    def close_session(self, tokens: Iterable[str]) -> None:
        for token in tokens:
            self.open.pop(token, None)


class Room:
    """Sessions of an account with a user ANN who has the role R."""

    def __init__(self, folder: Path, seconds: float = 60) -> None:
        self.account, self.engine = Account(folder), FakeEngine()
        for statement in (
            "CREATE ROLE R",
            "CREATE DATABASE DB",
            "CREATE SCHEMA DB.S",
            "GRANT USAGE ON DATABASE DB TO ROLE R",
            "CREATE WAREHOUSE W",
            "CREATE USER ANN DEFAULT_ROLE = R DEFAULT_NAMESPACE = DB.S DEFAULT_WAREHOUSE = W",
            "GRANT ROLE R TO USER ANN",
        ):
            self.account.answer(statement)
        self.sign_in = SignIn(self.account.catalogue)
        access = self.account.dispatcher.access
        self.sessions = Sessions(self.sign_in, self.engine, access, seconds)  # type: ignore[arg-type]

    def enter(self, identity: Identity | None = None, **wanted: Any) -> Any:
        return asyncio.run(self.sessions.open(identity or Identity("ANN", "R"), Wanted(**wanted)))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.account.store.close()


def test_a_session_begins_with_what_its_role_may_use(room: Room) -> None:
    facts = room.enter().facts
    assert (facts.user, facts.role, facts.database, facts.schema, facts.warehouse) == ("ANN", "R", "DB", None, None)
    assert facts.secondary_roles == "ALL"
    room.account.answer("GRANT USAGE ON SCHEMA DB.S TO ROLE R")
    room.account.answer("GRANT USAGE ON WAREHOUSE W TO ROLE R")
    facts = room.enter(database="db", schema="s", parameters={"query_tag": "x"}).facts
    assert (facts.database, facts.schema, facts.warehouse, facts.parameters) == ("DB", "S", "W", {"QUERY_TAG": "x"})


def test_a_role_must_be_the_users(room: Room) -> None:
    with pytest.raises(SnowflakeFault) as caught:
        room.enter(role="SYSADMIN")
    assert caught.value.number == 390189
    assert room.enter(role="public").facts.role == "PUBLIC"
    room.account.answer("REVOKE ROLE R FROM USER ANN")
    assert room.enter().facts.role == "PUBLIC"
    with pytest.raises(SnowflakeFault):
        room.enter(Identity("ANN", "R", is_restricted=True))
    assert room.sessions.count == 2


def test_sessions_that_are_over_are_closed_as_others_begin(tmp_path: Path) -> None:
    room = Room(tmp_path, seconds=0)
    for _ in range(5):
        room.enter()
    assert room.sessions.count == 1
    assert len(room.engine.open) == 1


def test_its_tokens_are_known_by_how_they_begin(room: Room) -> None:
    session = room.enter()
    assert session.token.startswith(HINT)
    assert session.master.startswith(HINT)
    assert len({session.token, session.master, room.enter().token}) == 3


def test_closing_a_session_ends_its_tokens(room: Room) -> None:
    session = room.enter()
    assert room.sign_in.identity(session.token, "session") is not None
    asyncio.run(room.sessions.close(session))
    assert room.sign_in.identity(session.token, "session") is None
    assert room.sign_in.identity(session.master, "master") is None
    assert (room.sessions.count, room.engine.open) == (0, {})
