"""``snow connection`` and ``snow sql``."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

from tests.integration.snowflake_cli.snow import Snow, program

SCRIPT = """-- a comment; with a semicolon
create or replace table measured (place text, degrees int);
insert into measured values ('Bern; Berne', 3), ('Oslo', -4); /* both are cold */
select count(*) as places, $$it's; one$$ as text from measured;
"""


def test_the_program_itself_signs_in_with_connections_toml(environment: dict[str, str]) -> None:
    """The other tests run the same program in forks (see forks.py); this one starts it as a user does."""
    file = Path(environment["SNOWFLAKE_HOME"]) / "connections.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    command = [str(program()), "connection", "test", "--format", "json"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert '"Status": "OK"' in ran.stdout


def test_a_connection_is_tested(snow: Snow) -> None:
    shown = snow.rows("connection", "test")
    assert shown["Status"] == "OK"
    assert (shown["Role"], shown["Database"], shown["Warehouse"]) == ("RAYDP_SIS_ROLE", "RAYDP_SIS_DB", "RAYDP_SIS_XSW")


def test_a_wrong_password_is_refused(snow: Snow) -> None:
    said = snow.fails("sql", "-q", "select 1", "--user", "raydp", "--password", "not-the-one")
    assert "Incorrect username or password was specified" in said
    assert "not-the-one" not in said


def test_several_statements_have_several_answers(snow: Snow) -> None:
    answers = snow.rows("sql", "-q", "select 1 as a; show compute pools like 'NO_POOL'; select 'x' as b, null as c")
    assert answers == [[{"A": 1}], [], [{"B": "x", "C": None}]]


def test_a_file_and_standard_input_are_the_same(snow: Snow, tmp_path: Path) -> None:
    file = tmp_path / "script.sql"
    file.write_text(SCRIPT)
    for answers in (snow.rows("sql", "-f", str(file)), snow.rows("sql", "-i", given=SCRIPT)):
        created, inserted, selected = answers
        assert created == [{"status": "Table MEASURED successfully created."}]
        assert inserted == [{"number of rows inserted": 2}]
        assert selected == [{"PLACES": 2, "TEXT": "it's; one"}]


def test_an_error_has_snowflakes_number_and_words(snow: Snow) -> None:
    said = snow.fails("sql", "-q", "select 1; describe service nobody; select 2")
    assert "002003 (02000)" in said
    assert "Service 'RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.NOBODY' does not exist or not authorized." in said
