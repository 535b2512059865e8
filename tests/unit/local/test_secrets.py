"""Secrets: made, changed, shown without what they hold, and used by who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from tests.unit.local.played import Account, allowed, opened, refused

VALUE = "nobody sees this"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with opened(tmp_path, "CREATE DATABASE DB", "CREATE SCHEMA DB.S", "CREATE ROLE R") as made:
        yield made


def test_a_secret_is_never_told(account: Account) -> None:
    made = f"CREATE SECRET S TYPE = GENERIC_STRING SECRET_STRING = '{VALUE}' COMMENT = 'c'"
    assert account.status(made) == "Secret S successfully created."
    account.status(f"CREATE SECRET P TYPE = PASSWORD USERNAME = 'u' PASSWORD = '{VALUE}'")
    account.status(f"ALTER SECRET S SET SECRET_STRING = '{VALUE}' COMMENT = 'd'")
    rows = account.rows("SHOW SECRETS IN SCHEMA S")
    assert [(row["name"], row["secret_type"], row["comment"]) for row in rows] == [
        ("P", "PASSWORD", None),
        ("S", "GENERIC_STRING", "d"),
    ]
    (described,) = account.rows("DESCRIBE SECRET P")
    assert described["username"] == "u"
    assert VALUE not in f"{rows}{described}"
    assert account.catalogue.get("Secret", "DB.S.S")["SECRET_STRING"] == VALUE
    assert account.status("DROP SECRET S") == "S successfully dropped."
    assert "already dropped" in account.status("DROP SECRET IF EXISTS S")


def test_who_may(account: Account) -> None:
    for grant in ("USAGE ON DATABASE DB", "USAGE ON SCHEMA DB.S"):
        account.answer(f"GRANT {grant} TO ROLE R")
    account.answer(f"CREATE SECRET S TYPE = GENERIC_STRING SECRET_STRING = '{VALUE}'")
    assert "3001" in refused(account, "R", f"CREATE SECRET T TYPE = GENERIC_STRING SECRET_STRING = '{VALUE}'")
    assert "Secret 'DB.S.S' does not exist" in refused(account, "R", "DESC SECRET S")
    account.answer("GRANT USAGE ON SECRET S TO ROLE R")
    allowed(account, "R", "DESC SECRET S")
    assert "3001" in refused(account, "R", "DROP SECRET S")
    account.answer("GRANT CREATE SECRET ON SCHEMA DB.S TO ROLE R")
    allowed(account, "R", "CREATE SECRET T TYPE = OAUTH2 OAUTH_SCOPES = ('a', 'b')")
    allowed(account, "R", "DROP SECRET T")


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "TYPE = NONSENSE",
        "TYPE = PASSWORD PASSWORD = 'x'",
        "TYPE = GENERIC_STRING SECRET_STRING = 'x' USERNAME = 'u'",
    ],
)
def test_a_secret_has_what_its_type_has(account: Account, rest: str) -> None:
    with pytest.raises(SnowflakeFault) as caught:
        account.answer(f"CREATE SECRET S {rest}")
    assert caught.value.number == 1420
