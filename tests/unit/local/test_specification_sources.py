"""Where a specification comes from: texts, binds, files, templates (SPCS reference 2.1, 2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.sql.templates import checked_value, render
from tests.unit.local.played import Account, spec

TEMPLATE = """
spec:
  containers:
  - name: {{ name | default('main') }}
    image: {{ image }}
    env: {{env}}
    args: {{ args | default('[]', true) }}
  endpoints:
  - {name: web, port: {{ PORT }}, public: {{ public | default(false) }}}
"""
USING = """USING (image => '"/d/s/r/raydp_head:1"', "env" => $${"PORT": "8000"}$$, PORT => 8000, public => TRUE)"""


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    made = Account(tmp_path)
    made.rows("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_M")
    made.dispatcher.answer("CREATE STAGE SPECS", (), made.session)
    folder = made.files.folder("DB.S.SPECS") / "jobs"
    folder.mkdir(parents=True)
    (folder / "plain.yaml").write_text(spec())
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "binary.yaml").write_bytes(b"\xff\xfe\x00spec")
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("a {{ x }} b {{x}}", {"x": "1"}, "a 1 b 1"),
        ("{{ x | default('y') }}", {}, "y"),
        ('{{ x|default("y") }}', {"x": ""}, ""),
        ("{{ x | default('y', false) }}", {"x": ""}, ""),
        ("{{ x | default('y', true) }}", {"x": ""}, "y"),
        ("{{ x | default(-1.5) }} {{ y | default(true) }}", {}, "-1.5 true"),
        ("{{ X }}", {"X": "{{ y }}"}, "{{ y }}"),
        ("no place { x }", {}, "no place { x }"),
    ],
)
def test_variables_are_filled(template: str, values: dict[str, str], expected: str) -> None:
    assert render(template, values) == expected


@pytest.mark.parametrize(
    ("template", "part"),
    [
        ("{{ x }}", "variable 'x' is undefined"),
        ("{{ X | default('a') }}{{ x }}", "variable 'x' is undefined"),
        ("{{ x + 1 }}", "is no variable"),
        ("{{ x | upper }}", "is no variable"),
        ("{{ self.__class__ }}", "is no variable"),
        ("{{ }}", "is no variable"),
    ],
)
def test_what_cannot_be_filled(template: str, part: str) -> None:
    with pytest.raises(SnowflakeFault) as caught:
        render(template, {"y": "1"})
    assert (caught.value.number, caught.value.sqlstate) == (395069, "23001")
    assert caught.value.message.startswith("Unable to render service spec from given template: ")
    assert part in caught.value.message


@pytest.mark.parametrize("text", ["", "blah123", "a_b", ' "/path/file.txt" ', '{"a": 1}', '["-n", 2]', "1.5"])
def test_values_are_alphanumeric_or_json(text: str) -> None:
    assert checked_value("x", text) == text.strip()


@pytest.mark.parametrize("text", ["a b", "/path", "a: b", "x\ny", "{a: 1}"])
def test_other_values_are_refused(text: str) -> None:
    with pytest.raises(SnowflakeFault, match="must be alphanumeric or valid JSON"):
        checked_value("x", text)


SOURCES = [
    f"FROM SPECIFICATION $${spec()}$$",
    f"FROM SPECIFICATION '{spec()}'",
    f"FROM SPECIFICATION_TEMPLATE $${TEMPLATE}$$ {USING}",
    f"FROM SPECIFICATION $${TEMPLATE}$$ {USING}",
    "FROM @specs SPECIFICATION_FILE = 'jobs/plain.yaml'",
    "FROM @specs/jobs SPECIFICATION_FILE='plain.yaml'",
    "FROM '@db.s.specs/jobs' SPEC = 'plain.yaml'",
    f"FROM @specs SPECIFICATION_TEMPLATE_FILE = 'jobs/template.yaml' {USING}",
]


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_serves_services_jobs_and_upgrades(account: Account, source: str) -> None:
    created = account.one(f"CREATE SERVICE A IN COMPUTE POOL P {source} MIN_INSTANCES = 1;")
    assert created == {"status": "Service A successfully created."}
    account.step(2)
    assert account.one("DESC SERVICE A")["status"] == "RUNNING"
    submitted = account.one(f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = J ASYNC = TRUE {source}")
    assert submitted == {"status": "Started Snowpark Container Services Job 'J'."}
    assert account.one(f"ALTER SERVICE A {source}") == {"status": "Statement executed successfully."}


def test_a_template_becomes_what_it_says(account: Account) -> None:
    account.rows(f"CREATE SERVICE A IN COMPUTE POOL P FROM SPECIFICATION_TEMPLATE $${TEMPLATE}$$ {USING}")
    account.step(2)
    (container,) = account.running
    assert container.start.env["PORT"] == "8000"
    endpoint = account.one("SHOW ENDPOINTS IN SERVICE A")
    assert (endpoint["name"], endpoint["port"], endpoint["is_public"]) == ("web", 8000, "true")


@pytest.mark.parametrize(
    ("source", "number", "part"),
    [
        (f"FROM SPECIFICATION_TEMPLATE $${TEMPLATE}$$", 1003, "unexpected '<EOF>'"),
        (f"FROM SPECIFICATION_TEMPLATE $${TEMPLATE}$$ USING (image => 'x')", 395069, "variable 'env' is undefined"),
        (f"FROM SPECIFICATION_TEMPLATE $${TEMPLATE}$$ USING (image => 'a b')", 395069, "'a b' of variable 'image'"),
        (f"FROM SPECIFICATION_TEMPLATE $${TEMPLATE}$$ USING (image = 'a')", 1003, "unexpected '='"),
        ("FROM @specs SPECIFICATION 'x'", 1003, "unexpected"),
        ("FROM @specs SPECIFICATION_FILE = 'nope.yaml'", 2003, "File '@DB.S.SPECS/nope.yaml'"),
        ("FROM @specs SPECIFICATION_FILE = 'jobs/binary.yaml'", 395018, "is no text"),
        ("FROM @specs SPECIFICATION_FILE = '../../x.yaml'", 253003, "leads out of the stage"),
        ("FROM @nope SPECIFICATION_FILE = 'x.yaml'", 2003, "Stage 'DB.S.NOPE'"),
        ("FROM SPECIFICATION_FILE = 'x.yaml'", 2, "application package"),
        ("FROM SPECIFICATION_TEMPLATE_FILE = 'x.yaml' USING (a => 1)", 2, "application package"),
        ("FROM NOTHING", 1003, "unexpected 'NOTHING'"),
        ("", 1003, "unexpected '<EOF>'"),
    ],
)
def test_what_is_no_source(account: Account, source: str, number: int, part: str) -> None:
    for text in (
        f"CREATE SERVICE A IN COMPUTE POOL P {source}",
        f"EXECUTE JOB SERVICE IN COMPUTE POOL P ASYNC = TRUE {source}",
    ):
        with pytest.raises(SnowflakeFault) as caught:
            account.rows(text)
        assert caught.value.number == number, caught.value.message
        assert part in caught.value.message


@pytest.mark.parametrize(
    ("text", "bindings"),
    [
        ("EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = J ASYNC = TRUE REPLICAS = 2 FROM SPECIFICATION $$S$$", ()),
        (
            (
                "EXECUTE JOB SERVICE\n\tIN COMPUTE POOL IDENTIFIER('p') NAME = IDENTIFIER('db.s.j') ASYNC = TRUE "
                "QUERY_WAREHOUSE = IDENTIFIER('w') COMMENT = 'c' EXTERNAL_ACCESS_INTEGRATIONS = (IDENTIFIER('E')) "
                "FROM SPECIFICATION 'spec:\\n  containers:\\n  - {name: main, image: /d/s/r/raydp_head:1}\\n';"
            ),
            (),
        ),
        ("EXECUTE JOB SERVICE IN COMPUTE POOL p FROM SPECIFICATION $$ S $$ NAME = db.s.j ASYNC = TRUE", ()),
        (
            (
                "execute job service in compute pool identifier(?) from specification ? name = identifier(?) async = true "
                "replicas = ? query_warehouse = identifier(?)"
            ),
            ("P", spec(), "db.s.j", 2, "w"),
        ),
        (
            "EXECUTE JOB SERVICE NAME = J QUERY_WAREHOUSE = W ASYNC = TRUE IN COMPUTE POOL P FROM SPECIFICATION $$S$$",
            (),
        ),
    ],
)
def test_jobs_as_known_clients_write_them(account: Account, text: str, bindings: tuple[object, ...]) -> None:
    """The table of SPCS reference 2.2."""
    account.catalogue.create("Warehouse", "W", {"owner": "ACCOUNTADMIN"})
    account.catalogue.create("Integration", "E", {"owner": "ACCOUNTADMIN"})
    text = text.replace("$$S$$", f"$${spec()}$$").replace("$$ S $$", f"$$ {spec()} $$")
    assert account.one(text, *bindings) == {"status": "Started Snowpark Container Services Job 'J'."}


def test_describe_shows_the_specification_normalised(account: Account) -> None:
    """SPCS reference 2.4: texts in double quotes, the registry's host, a digest, defaults filled in."""
    text = spec(
        endpoints=[{"name": "web", "port": 8000, "public": True}, {"name": "in", "portRange": "1-5", "protocol": "TCP"}]
    )
    account.rows(f"CREATE SERVICE A IN COMPUTE POOL P FROM SPECIFICATION $${text}$$")
    shown = account.one("DESCRIBE SERVICE A")["spec"]
    assert shown.startswith('---\nspec:\n  containers:\n    - name: "main"\n      image: "localorg-local.registry.')
    assert '      sha256: "@sha256:' in shown
    assert "          port: 8000" not in shown
    whole = yaml.safe_load(shown)
    (container,) = whole["spec"]["containers"]
    assert container["image"].endswith(".snowflakecomputing.com/d/s/r/raydp_head:1")
    assert container["resources"] == {
        "limits": {"memory": "28Gi", "cpu": "6"},
        "requests": {"memory": "1Gi", "cpu": 1},
    }
    assert container["env"] == {"TAG": "1"}
    assert whole["spec"]["endpoints"] == [
        {"name": "web", "port": 8000, "protocol": "HTTP", "public": True},
        {"name": "in", "portRange": "1-5", "protocol": "TCP", "public": False},
    ]
    account.rows(f"ALTER SERVICE A FROM SPECIFICATION $${shown}$$")


def test_the_specification_is_for_its_owner_only(account: Account) -> None:
    account.rows(f"CREATE SERVICE A IN COMPUTE POOL P FROM SPECIFICATION $${spec()}$$")
    for text in (
        "CREATE ROLE OTHER", "GRANT USAGE ON DATABASE DB TO ROLE OTHER", "GRANT USAGE ON SCHEMA DB.S TO ROLE OTHER",
        "GRANT USAGE ON SERVICE DB.S.A TO ROLE OTHER",
    ):  # fmt: skip
        account.catalogue.create("Database", "DB", {"owner": "ACCOUNTADMIN"}, if_not_exists=True)
        account.catalogue.create("Schema", "DB.S", {"owner": "ACCOUNTADMIN"}, if_not_exists=True)
        account.rows(text)
    account.session.role = "OTHER"
    row = account.one("DESCRIBE SERVICE A")
    assert (row["name"], row["spec"]) == ("A", None)
    with pytest.raises(SnowflakeFault) as caught:
        account.rows("SHOW SERVICE CONTAINERS IN SERVICE A")
    assert (caught.value.number, caught.value.sqlstate) == (3001, "42501")
