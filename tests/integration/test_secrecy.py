"""No secret leaves its place: not to the log, not to files that others may read, not into answers to anybody else."""

from __future__ import annotations

import base64
import contextlib
import stat
import time
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import snowflake.connector
from snowflake.connector.errors import Error

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from tests.integration.doors.test_doors import Client, base, endpoint_host
from tests.users import User

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
PASSWORD: Final = "Pass-word-that-nobody-sees-1"
NEW_PASSWORD: Final = "Pass-word-that-comes-later-2"
WRONG: Final = "Wrong-word-that-was-tried-3"
SECRET: Final = "secret-string-of-a-secret-4"
VALUE: Final = "value-of-a-statement-that-fails-5"
BOUND: Final = "value-of-a-bind-variable-6"


class Seen:
    """Every secret that a session has, and every text that the server answered to others."""

    def __init__(self) -> None:
        self.secrets = {
            "password": PASSWORD,
            "new password": NEW_PASSWORD,
            "wrong password": WRONG,
            "secret": SECRET,
            "value": VALUE,
            "bind variable": BOUND,
        }
        self.answers: list[str] = []


@pytest.fixture(scope="module")
def seen(environment: dict[str, str], home: Path) -> Seen:
    """A session with every kind of secret, and with every kind of failure."""
    found, ann = Seen(), User()
    with connect(environment, role="ACCOUNTADMIN") as connection:
        cursor = connection.cursor()

        def run(text: str, *values: object) -> list[Any]:
            with contextlib.suppress(Error):
                return list(cursor.execute(text, values or None))  # type: ignore[arg-type]
            return []

        run(f"CREATE USER ANN PASSWORD = '{PASSWORD}' DEFAULT_ROLE = RAYDP_SIS_ROLE")
        run(f"ALTER USER ANN SET PASSWORD = '{NEW_PASSWORD}' RSA_PUBLIC_KEY = '{ann.public}'")
        run("GRANT ROLE RAYDP_SIS_ROLE TO USER ANN")
        ((_, ann.pat),) = run("ALTER USER ANN ADD PROGRAMMATIC ACCESS TOKEN T")
        ((_, rotated, _),) = run(
            "ALTER USER ANN ROTATE PROGRAMMATIC ACCESS TOKEN T EXPIRE_ROTATED_TOKEN_AFTER_HOURS = 1"
        )
        found.secrets |= {"access token": ann.pat, "rotated access token": rotated}
        run(f"CREATE SECRET S TYPE = GENERIC_STRING SECRET_STRING = '{SECRET}'")
        run(f"CREATE SECRET P TYPE = PASSWORD USERNAME = 'u' PASSWORD = '{SECRET}'")
        for broken in (
            f"CREATE USER X PASSWORD = '{VALUE}' NONSENSE",
            f"CREATE USER '{VALUE}",
            f"SELECT '{VALUE}' FROM (",
            f"SELECT '{VALUE}'::INT",
            f'SELECT "{VALUE}" FROM NOWHERE',
            f"SELECT * FROM NOWHERE WHERE A = '{VALUE}'",
            f"ALTER TABLE X ADD SEARCH OPTIMIZATION ON EQUALITY('{VALUE}')",
            f"CREATE PROCEDURE X() RETURNS INT LANGUAGE SQL AS '{VALUE}'",
            f"CREATE STAGE X URL = 's3://x' CREDENTIALS = (AWS_SECRET_KEY = '{VALUE}')",
            f"CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION $$spec: [{VALUE}$$",
            f"COPY INTO T FROM '@{VALUE}'",
            f"PUT 'file:///{VALUE}' @RAYDP_ARTIFACTS",
        ):
            run(broken)
        run("SELECT %s FROM NOWHERE", BOUND)
        with connect(environment, paramstyle="qmark") as second, contextlib.suppress(Error):
            second.cursor().execute("SELECT ? FROM NOWHERE", (BOUND,))
        for show in (
            "SHOW USERS",
            "DESC USER ANN",
            "SHOW USER PATS FOR USER ANN",
            "SHOW SECRETS",
            "DESC SECRET S",
            "SHOW PARAMETERS",
        ):
            rows = run(show)
            assert rows or show == "SHOW PARAMETERS", show
            found.answers += [str(row) for row in rows]
    for how in ({"password": WRONG}, {"password": NEW_PASSWORD}, {"private_key": ann.private}, {"password": ann.pat}):
        with contextlib.suppress(Error):
            snowflake.connector.connect(**base(environment), **how).close()
    client = Client(environment, NEW_PASSWORD)
    renewed = client.renew(client.tokens["token"], client.tokens["masterToken"])["data"]["sessionToken"]
    found.secrets |= {
        "session token": client.tokens["token"],
        "master token": client.tokens["masterToken"],
        "renewed": renewed,
    }
    found.secrets["signed token"] = ann.signed()
    found.secrets["private key"] = base64.b64encode(ann.private).decode()[40:200]
    client.http.post(
        "/api/v2/statements", headers={"Authorization": f"Bearer {found.secrets['signed token']}"}, json=[]
    )
    host = endpoint_host(environment)
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "scope": host, "assertion": ann.signed()}
    found.secrets["endpoint token"] = client.http.post("/oauth/token", data=form).text
    ingress = httpx.Client(base_url=f"https://{host}", verify=client.trust)
    ingress.get("/x", headers={"Authorization": f'Snowflake Token="{found.secrets["endpoint token"]}"'})
    entered = ingress.post("/sfc-endpoint/login?to=/x", data={"user": "ANN", "password": NEW_PASSWORD})
    found.secrets["cookie"] = entered.cookies["sfc-endpoint-token"]
    found.secrets["service token"] = read_service_token(home)
    for path in ("/queries/v1/query-request", "/session/v1/login-request", "/oauth/token"):
        client.http.post(path, content=f"{{{VALUE}".encode(), headers={"Authorization": f'Snowflake Token="{renewed}"'})
    time.sleep(0.5)  # what is logged by others than who answers may come a little later
    return found


def read_service_token(home: Path) -> str:
    from airflow_provider_raydp_spcs.local.paths import Paths

    (file,) = Paths(home).scratch.rglob("token")
    return file.read_text()


def test_none_is_in_a_log(seen: Seen, home: Path) -> None:
    logs = [file for file in (home / "logs").rglob("*") if file.is_file()]
    assert any(file.name == "server.log" for file in logs)
    text = "".join(file.read_text(errors="replace") for file in logs)
    assert {name for name, secret in seen.secrets.items() if secret in text} == set()


def test_what_is_kept_is_kept_hashed_or_where_only_its_owner_reads_it(
    seen: Seen, environment: dict[str, str], home: Path
) -> None:
    files = [file for file in home.rglob("*") if file.is_file()]
    content = {file: file.read_bytes() for file in files}
    # The value of a secret must be given to containers, so it is kept; tables keep what is put into them.
    kept = {"secret"}
    for name, secret in seen.secrets.items():
        where = {file.relative_to(home).parts[0] for file, data in content.items() if secret.encode() in data}
        assert where <= ({"objects.sqlite", "objects.sqlite-wal"} if name in kept else set()), (name, where)
        assert bool(where) is (name in kept), "the search finds what is there"
    first = environment["SNOWFLAKE_PASSWORD"].encode()
    assert {file.relative_to(home).as_posix() for file, data in content.items() if first in data} == {
        "security/credentials.json",
        "client/connections.toml",
    }
    assert {file for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077} == set()


def test_none_is_in_an_answer(seen: Seen) -> None:
    text = "".join(seen.answers)
    assert {name for name, secret in seen.secrets.items() if secret in text} == set()
    assert "********" in text
