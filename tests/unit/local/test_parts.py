"""Small parts of the local Snowflake: substitution, images, scheduling, the store, sign-in, stages' paths."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.ingress.headers import snowflake_token
from airflow_provider_raydp_spcs.local.runtimes.substitution import replace
from airflow_provider_raydp_spcs.local.security.certificates import certificates
from airflow_provider_raydp_spcs.local.security.sign_in import Identity, SignIn, first_password
from airflow_provider_raydp_spcs.local.services.images import ImageCatalogue
from airflow_provider_raydp_spcs.local.services.scheduling import Demand, demand_of, lacking
from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue
from airflow_provider_raydp_spcs.local.sql.locations import quote_locations
from airflow_provider_raydp_spcs.local.sql.scope import like_matches
from airflow_provider_raydp_spcs.local.store import Store
from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs.instance_families import GIB, instance_family
from airflow_provider_raydp_spcs.spcs.specification import Container, Resources, ServiceSpecification, Volume

NAMES = {"my-head": "127.1.0.1", "my-head.ab12.svc.spcs.internal": "127.1.0.1", "my": "127.1.0.9"}
MOUNTS = {"/raydp/ray": Path("/tmp/a/0"), "/raydp": Path("/tmp/a/1")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my-head:6379", "127.1.0.1:6379"),
        ("http://MY-HEAD.ab12.svc.spcs.internal/x", "http://127.1.0.1/x"),
        ("my-head-2 xmy-head my.header my_head", "my-head-2 xmy-head my.header my_head"),
        ("my", "127.1.0.9"),
        ("/opt/my/server.py", "/opt/my/server.py"),
        ("/raydp/ray/x,/raydp/rays,/raydp", "/tmp/a/0/x,/tmp/a/1/rays,/tmp/a/1"),
        ("/opt/raydp/ray", "/opt/raydp/ray"),
    ],
)
def test_only_whole_names_and_paths_are_replaced(text: str, expected: str) -> None:
    assert replace(text, NAMES, MOUNTS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PUT file:///tmp/*.csv @s/p;", "PUT 'file:///tmp/*.csv' '@s/p';"),
        ("LIST @a.b.c/d PATTERN='@x'", "LIST '@a.b.c/d' PATTERN='@x'"),
        ("X $$ @no $$ -- @no\n/* @no */ '@no''@no' @yes", "X $$ @no $$ -- @no\n/* @no */ '@no''@no' '@yes'"),
        ("X 'a\\'@no' (@yes)", "X 'a\\'@no' ('@yes')"),
        ("X '", "X '"),
        ("X $$ @no", "X $$ @no"),
    ],
)
def test_only_bare_locations_get_quotes(text: str, expected: str) -> None:
    assert quote_locations(text) == expected


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        (None, "X", True),
        ("a%", "ABC", True),
        ("a_c", "ABC", True),
        ("a\\_c", "ABC", False),
        ("a\\_c", "A_C", True),
        ("b", "AB", False),
    ],
)
def test_like(pattern: str | None, name: str, matches: bool) -> None:
    assert like_matches(pattern, name) is matches


def test_every_shipped_image_runs_the_node_of_its_role() -> None:
    catalogue = ImageCatalogue(shipped("images"))
    for name, role in (("raydp_head", "head"), ("raydp_worker", "worker"), ("raydp_custom_worker", "custom-worker")):
        image = catalogue.find(f"/db/s/repo/{name}:0.1.0")
        assert image is not None
        assert image.entrypoint == ("python", "-m", "airflow_provider_raydp_spcs.node")
        assert image.command == (role,)
        assert image.env["RAY_USAGE_STATS_ENABLED"] == "0"
    assert catalogue.find("/db/s/repo/nope:1") is None
    assert catalogue.find("o-a.registry.snowflakecomputing.com/db/s/repo/raydp_head:1") is not None


@pytest.mark.parametrize("path", ["raydp_head", "/a/b/raydp_head:1", "/a/b/c/../raydp_head", "/a/b/c/d e:1"])
def test_image_paths_have_four_parts(path: str) -> None:
    assert ImageCatalogue.is_valid(path) is False


def test_what_fits_and_what_does_not() -> None:
    family = instance_family("CPU_X64_S")
    assert lacking(Demand(3, 13 * GIB, 0), family) is None
    assert lacking(Demand(3.5, GIB, 0), family) == "CPU"
    assert lacking(Demand(1, 14 * GIB, 0), family) == "memory"
    assert lacking(Demand(1, GIB, 1), family) == "GPU"
    assert lacking(Demand(2, GIB, 0), family, [Demand(2, GIB, 0)]) == "CPU"


def test_missing_requests_count_as_half_a_core_and_half_a_gib() -> None:
    """SPCS reference 3.2."""
    image = "/d/s/r/i"
    bare, asked = Container("a", image), Container("b", image, requests=Resources("500m", "2Gi"))
    assert demand_of(ServiceSpecification((bare, asked))) == Demand(1.0, 2 * GIB + GIB // 2, 0)


def test_each_stage_volume_has_a_sidecar_that_takes_memory() -> None:
    """SPCS reference 3.3."""
    volumes = (Volume("a", "stage", stage="@d.s.a"), Volume("b", "stage", stage="@d.s.b"), Volume("c", "local"))
    asked = Container("m", "/d/s/r/i", requests=Resources(1, "2Gi"))
    assert demand_of(ServiceSpecification((asked,), volumes=volumes)) == Demand(1, 3 * GIB, 0)


def test_the_store_keeps_what_it_was_given(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.sqlite")
    store.put("Role", "B", {"x": [1, None]})
    store.put("Role", "A", {})
    assert [store.next_number("n") for _ in range(3)] == [1, 2, 3]
    store.close()
    again = Store(tmp_path / "x.sqlite")
    assert list(again.all("Role")) == [("A", {}), ("B", {"x": [1, None]})]
    assert again.next_number("n") == 4
    assert again.delete("Role", "A") is True
    assert again.delete("Role", "A") is False
    again.close()


def test_passwords_and_tokens(tmp_path: Path) -> None:
    password, is_new = first_password(tmp_path)
    assert first_password(tmp_path) == (password, False)
    assert is_new
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
    sign_in = SignIn(Catalogue(Store(tmp_path / "x.sqlite")))
    assert sign_in.users.ensure_first("RAYDP", password, "R", anew=True)
    identity = Identity("RAYDP", "R")
    assert sign_in.with_password("raydp", password) == identity
    for user, wrong in (("RAYDP", "wrong"), ("OTHER", password), ("RAYDP", "")):
        with pytest.raises(SnowflakeFault, match="Incorrect username or password"):
            sign_in.with_password(user, wrong)
    token = sign_in.issue(identity, "service", 60)
    assert sign_in.identity(token, "service") == identity
    assert sign_in.identity(token, "session", "transfer") is None
    assert sign_in.identity(sign_in.issue(identity, "service", -1), "service") is None


def test_the_private_key_is_private_and_made_once(tmp_path: Path) -> None:
    made = certificates(tmp_path)
    first = made.server.read_bytes()
    assert stat.S_IMODE(made.server.stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in made.bundle.read_bytes()
    assert certificates(tmp_path).server.read_bytes() == first


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ('Snowflake Token="abc"', "abc"),
        ("Snowflake Token=abc", "abc"),
        ('snowflake token = "a=b="', "a=b="),
        ("Bearer abc", None),
        ('Snowflake Token=""', None),
        ("", None),
    ],
)
def test_the_token_in_the_header(header: str, token: str | None) -> None:
    """SPCS reference 4.2: with and without quotes."""
    assert snowflake_token(header) == token
