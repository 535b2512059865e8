"""Users, their credentials, and what SHOW and DESCRIBE tell of them."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.security.key_pairs import fingerprint
from airflow_provider_raydp_spcs.local.security.sign_in import Identity, SignIn
from tests.unit.local.played import Account, opened, refused

PASSWORD = "Correct-horse-7"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with opened(tmp_path, "CREATE ROLE R") as made:
        yield made


@pytest.fixture
def sign_in(account: Account) -> SignIn:
    account.answer(f"CREATE USER ANN PASSWORD = '{PASSWORD}' DEFAULT_ROLE = r")
    account.answer("GRANT ROLE R TO USER ANN")
    return SignIn(account.catalogue)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(key: rsa.RSAPrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def signed(key: rsa.RSAPrivateKey, algorithm: str = "RS256", **changed: Any) -> str:
    now = dt.datetime.now(dt.UTC)
    claims = {
        "iss": f"LOCAL.ANN.{fingerprint(public(key))}",
        "sub": "LOCAL.ANN",
        "iat": now,
        "exp": now + dt.timedelta(minutes=5),
    }
    claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
    return jwt.encode(claims, key if algorithm == "RS256" else "secret" * 10, algorithm=algorithm)


def number(call: Any, *arguments: Any) -> int:
    with pytest.raises(SnowflakeFault) as caught:
        call(*arguments)
    return caught.value.number


def test_a_password_opens_and_is_nowhere(account: Account, sign_in: SignIn, tmp_path: Path) -> None:
    assert sign_in.with_password("ann", PASSWORD) == Identity("ANN", "R")
    assert PASSWORD not in json.dumps(list(account.catalogue.all("User")))
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and PASSWORD.encode() in file.read_bytes()]
    described = {row["property"]: row["value"] for row in account.rows("DESCRIBE USER ANN")}
    assert (described["PASSWORD"], described["LOGIN_NAME"], described["TYPE"]) == ("********", "ANN", "PERSON")


def test_nobody_learns_who_is_a_user(account: Account, sign_in: SignIn) -> None:
    """Known and unknown names are refused in the same words, and locked after the same number of attempts."""

    def answers(login: str) -> list[str]:
        found = []
        for _ in range(6):
            with pytest.raises(SnowflakeFault) as caught:
                sign_in.with_password(login, "wrong")
            found.append(f"{caught.value.number} {caught.value.message}")
        return found

    assert answers("ANN") == answers("NOBODY")
    assert number(sign_in.with_password, "ANN", PASSWORD) == 390102
    assert int(account.rows("SHOW USERS LIKE 'ann'")[0]["mins_to_unlock"]) == 15
    account.answer("ALTER USER ANN SET MINS_TO_UNLOCK = 0")
    assert sign_in.with_password("ANN", PASSWORD).user == "ANN"


def test_who_is_shut_out_hears_it_only_with_the_right_password(account: Account, sign_in: SignIn) -> None:
    account.answer("ALTER USER ANN SET DISABLED = TRUE")
    assert number(sign_in.with_password, "ANN", PASSWORD) == 390101
    assert number(sign_in.with_password, "ANN", "wrong") == 390100
    account.answer("ALTER USER ANN SET DISABLED = FALSE, MUST_CHANGE_PASSWORD = TRUE")
    assert number(sign_in.with_password, "ANN", PASSWORD) == 390106
    account.answer("ALTER USER ANN SET MUST_CHANGE_PASSWORD = FALSE DAYS_TO_EXPIRY = -1")
    assert number(sign_in.with_password, "ANN", PASSWORD) == 390101
    account.answer("ALTER USER ANN UNSET DAYS_TO_EXPIRY")
    account.answer("ALTER USER ANN SET PASSWORD = 'Another-horse-8'")
    assert number(sign_in.with_password, "ANN", PASSWORD) == 390100
    assert sign_in.with_password("ANN", "Another-horse-8").user == "ANN"
    account.answer("ALTER USER ANN UNSET PASSWORD")
    assert number(sign_in.with_password, "ANN", "Another-horse-8") == 390100


@pytest.mark.parametrize("weak", ["short1A", "alllower1", "ALLUPPER1", "NoDigitsHere"])
def test_a_new_password_must_be_good(account: Account, sign_in: SignIn, weak: str) -> None:
    del sign_in
    with pytest.raises(SnowflakeFault, match="New password rejected by current password policy") as caught:
        account.answer(f"ALTER USER ANN SET PASSWORD = '{weak}'")
    assert weak not in caught.value.message


def test_a_key_pair_opens(account: Account, sign_in: SignIn, key: rsa.RSAPrivateKey) -> None:
    account.answer(f"ALTER USER ANN SET RSA_PUBLIC_KEY = '{public(key)}'")
    assert sign_in.with_jwt(signed(key)) == Identity("ANN", "R")
    of_organisation = f"LOCALORG-LOCAL.ANN.{fingerprint(public(key))}"
    assert sign_in.with_jwt(signed(key, iss=of_organisation, sub="LOCALORG-LOCAL.ANN")).user == "ANN"
    described = {row["property"]: row["value"] for row in account.rows("DESC USER ANN")}
    assert described["RSA_PUBLIC_KEY_FP"] == fingerprint(public(key))
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    account.answer(f"ALTER USER ANN SET RSA_PUBLIC_KEY_2 = '{pem}'")
    account.answer("ALTER USER ANN UNSET RSA_PUBLIC_KEY")
    assert sign_in.with_jwt(signed(key)).user == "ANN"
    account.answer("ALTER USER ANN SET DISABLED = TRUE")
    assert number(sign_in.with_jwt, signed(key)) == 390101


def test_no_other_token_opens(account: Account, sign_in: SignIn, key: rsa.RSAPrivateKey) -> None:
    account.answer(f"ALTER USER ANN SET RSA_PUBLIC_KEY = '{public(key)}'")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = dt.datetime.now(dt.UTC)
    hours = {name: dt.timedelta(hours=count) for name, count in (("two", 2), ("three", 3))}
    own = f"LOCAL.ANN.{fingerprint(public(key))}"
    wrong = [
        signed(other),
        signed(other, iss=own),
        signed(key, algorithm="HS256"),
        jwt.encode({"iss": own, "sub": "LOCAL.ANN"}, key="", algorithm="none"),
        signed(key, exp=now - dt.timedelta(minutes=2)),
        signed(key, iat=now - hours["two"], exp=now + hours["three"]),
        signed(key, iat=now + dt.timedelta(minutes=5)),
        signed(key, exp=None),
        signed(key, iat=None),
        signed(key, iss="LOCAL.ANN"),
        signed(key, sub="LOCAL.RAYDP"),
        signed(key, iss=own.replace("LOCAL", "OTHER"), sub="OTHER.ANN"),
        signed(key, iss=own.replace("ANN", "NOBODY"), sub="LOCAL.NOBODY"),
        signed(key)[:-8] + "AAAAAAAA",
        "",
        "a.b.c",
    ]
    for token in wrong:
        with pytest.raises(SnowflakeFault, match=r"^JWT token is invalid\. \[[0-9a-f-]{36}\]$") as caught:
            sign_in.with_jwt(token)
        assert caught.value.number == 390144


@pytest.mark.parametrize("text", ["nonsense", "", base64.b64encode(b"x" * 294).decode()])
def test_a_key_must_be_one(account: Account, sign_in: SignIn, text: str) -> None:
    del sign_in
    with pytest.raises(SnowflakeFault, match="New public key rejected"):
        account.answer(f"ALTER USER ANN SET RSA_PUBLIC_KEY = '{text}'")


def test_a_short_key_is_refused(account: Account, sign_in: SignIn) -> None:
    del sign_in
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(SnowflakeFault, match="New public key rejected"):
        account.answer(f"ALTER USER ANN SET RSA_PUBLIC_KEY = '{public(short)}'")


def token_of(account: Account, rest: str = "T", user: str = "ANN") -> str:
    (row,) = account.rows(f"ALTER USER {user} ADD PROGRAMMATIC ACCESS TOKEN {rest}")
    return str(row["token_secret"])


def test_an_access_token_is_shown_once(account: Account, sign_in: SignIn, tmp_path: Path) -> None:
    secret = token_of(account, "T ROLE_RESTRICTION = 'R' DAYS_TO_EXPIRY = 1 COMMENT = 'c'")
    assert sign_in.with_access_token(secret) == Identity("ANN", "R", is_restricted=True)
    assert sign_in.with_access_token(secret, "ann").user == "ANN"
    assert sign_in.with_password("ANN", secret).is_restricted
    assert sign_in.at_endpoint(secret) == Identity("ANN", "R", is_restricted=True)
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]
    (row,) = account.rows("SHOW USER PROGRAMMATIC ACCESS TOKENS FOR USER ANN")
    assert (row["name"], row["role_restriction"], row["status"], row["comment"]) == ("T", "R", "ACTIVE", "c")
    assert secret not in json.dumps(row)
    for login, wrong in (("RAYDP", secret), (None, secret + "x"), (None, "")):
        assert number(sign_in.with_access_token, wrong, login) == 394400
    assert number(sign_in.with_password, "RAYDP", secret) == 390100


def test_an_access_token_ends(account: Account, sign_in: SignIn) -> None:
    secret = token_of(account)
    account.answer("ALTER USER ANN MODIFY PAT T SET DISABLED = TRUE")
    assert number(sign_in.with_access_token, secret) == 394400
    assert account.rows("SHOW USER PATS FOR USER ANN")[0]["status"] == "DISABLED"
    account.answer("ALTER USER ANN MODIFY PAT T UNSET DISABLED")
    account.answer("ALTER USER ANN MODIFY PAT T RENAME TO S")
    (row,) = account.rows("ALTER USER ANN ROTATE PAT S EXPIRE_ROTATED_TOKEN_AFTER_HOURS = 0")
    assert number(sign_in.with_access_token, secret) == 394400
    assert sign_in.with_access_token(row["token_secret"]).user == "ANN"
    shown = {each["name"]: each["status"] for each in account.rows("SHOW USER PATS FOR USER ANN")}
    assert shown == {"S": "ACTIVE", row["rotated_token_name"]: "EXPIRED"}
    account.answer("ALTER USER ANN SET DISABLED = TRUE")
    assert number(sign_in.with_access_token, row["token_secret"]) == 394400
    account.answer("ALTER USER ANN SET DISABLED = FALSE")
    account.answer("ALTER USER ANN REMOVE PAT S")
    assert number(sign_in.with_access_token, row["token_secret"]) == 394400
    again = token_of(account)
    account.answer("DROP USER ANN")
    assert number(sign_in.with_access_token, again) == 394400


def test_access_tokens_have_limits(account: Account, sign_in: SignIn) -> None:
    del sign_in
    for rest, part in (
        ("T DAYS_TO_EXPIRY = 366", "at most 365"),
        ("T DAYS_TO_EXPIRY = 0", "at least 1"),
        ("T ROLE_RESTRICTION = 'ACCOUNTADMIN'", "granted to user ANN"),
    ):
        with pytest.raises(SnowflakeFault, match=part):
            token_of(account, rest)
    account.answer("ALTER USER ANN SET TYPE = SERVICE")
    with pytest.raises(SnowflakeFault, match="needs a value for property 'ROLE_RESTRICTION'"):
        token_of(account)
    with pytest.raises(SnowflakeFault, match="Cannot set PASSWORD on users with TYPE=SERVICE"):
        account.answer(f"ALTER USER ANN SET PASSWORD = '{PASSWORD}'")
    for count in range(15):
        token_of(account, f"T{count} ROLE_RESTRICTION = R")
    with pytest.raises(SnowflakeFault, match="more than 15"):
        token_of(account, "T15 ROLE_RESTRICTION = R")
    account.answer("ALTER USER RAYDP ADD PAT A")
    with pytest.raises(SnowflakeFault, match="already exists"):
        account.answer("ALTER USER RAYDP ADD PAT A")


def test_a_service_user_has_no_password(account: Account, sign_in: SignIn) -> None:
    account.answer("ALTER USER ANN SET TYPE = SERVICE")
    assert number(sign_in.with_password, "ANN", PASSWORD) == 390100


def test_users_are_made_shown_renamed_and_dropped(account: Account, sign_in: SignIn) -> None:
    del sign_in
    assert account.status("CREATE USER IF NOT EXISTS ann") == "ANN already exists, statement succeeded."
    with pytest.raises(SnowflakeFault, match="'ANN' already exists"):
        account.answer("CREATE USER ANN")
    with pytest.raises(SnowflakeFault, match="'ANN' already exists"):
        account.answer("CREATE USER BEN LOGIN_NAME = 'ann'")
    made = (
        "CREATE USER BEN LOGIN_NAME = 'ben@example.com' EMAIL = 'b@example.com' DEFAULT_NAMESPACE = DB.S TYPE = PERSON"
    )
    assert account.status(made) == "User BEN successfully created."
    rows = {row["name"]: row for row in account.rows("SHOW USERS")}
    assert (rows["BEN"]["login_name"], rows["BEN"]["default_namespace"]) == ("BEN@EXAMPLE.COM", "DB.S")
    assert (rows["BEN"]["has_password"], rows["ANN"]["has_password"]) == ("false", "true")
    assert len(rows["BEN"]) == 31
    secret = token_of(account, user="BEN")
    account.answer("ALTER USER BEN RENAME TO BENNO")
    account.answer("GRANT ROLE R TO USER BENNO")
    assert SignIn(account.catalogue).with_access_token(secret).user == "BENNO"
    assert [row["name"] for row in account.rows("SHOW TERSE USERS LIKE 'B%'")] == ["BENNO"]
    assert account.status("DROP USER BENNO") == "BENNO successfully dropped."
    assert "already dropped" in account.status("DROP USER IF EXISTS BENNO")
    assert account.status("ALTER USER IF EXISTS BENNO SET COMMENT = 'x'") == "Statement executed successfully."
    assert not [each for each in account.dispatcher.access.grants() if each["role"] in ("BEN", "BENNO")]
    with pytest.raises(SnowflakeFault, match="User 'BENNO' does not exist"):
        account.answer("DROP USER BENNO")
    with pytest.raises(SnowflakeFault, match="cannot be dropped"):
        account.answer("DROP USER RAYDP")


def test_who_may_do_what_with_users(account: Account, sign_in: SignIn) -> None:
    del sign_in
    assert "3001" in refused(account, "R", "CREATE USER CLEO")
    for statement in (
        "ALTER USER ANN SET DISABLED = TRUE",
        "DROP USER ANN",
        "DESC USER ANN",
        "ALTER USER ANN ADD PAT T",
    ):
        assert "User 'ANN' does not exist or not authorized" in refused(account, "R", statement)
    account.session.role = "R"
    assert {row["name"]: row["login_name"] for row in account.rows("SHOW USERS")} == {"ANN": None, "RAYDP": None}
    account.session.user = "ANN"
    account.answer("ALTER USER SET DEFAULT_WAREHOUSE = w")
    account.answer("ALTER USER ADD PAT MINE")
    assert [row["name"] for row in account.rows("SHOW USER PATS")] == ["MINE"]
    assert {row["property"] for row in account.rows("DESC USER ANN")} >= {"NAME", "DEFAULT_WAREHOUSE"}
    for forbidden in ("SET DISABLED = FALSE", f"SET PASSWORD = '{PASSWORD}x'", "SET TYPE = SERVICE", "RENAME TO X"):
        assert "User 'ANN' does not exist or not authorized" in refused(account, "R", f"ALTER USER ANN {forbidden}")
    account.session.role = "ACCOUNTADMIN"
    account.answer("GRANT CREATE USER ON ACCOUNT TO ROLE R")
    account.session.role = "R"
    account.answer("CREATE USER CLEO")
    account.answer("ALTER USER CLEO SET COMMENT = 'mine'")
    account.answer("DROP USER CLEO")
