"""``snow spcs image-repository`` and ``image-registry``."""

from __future__ import annotations

from pathlib import Path

from tests.integration.snowflake_cli.snow import Snow

SCHEMA = "raydp_sis_db/raydp_sis_core_schema"


def test_the_whole_life_of_a_repository(snow: Snow) -> None:
    made = snow.rows("spcs", "image-repository", "create", "pictures")
    assert made == {"status": "Image Repository PICTURES successfully created."}
    assert "already exists" in snow.fails("spcs", "image-repository", "create", "pictures")
    (row,) = snow.rows("spcs", "image-repository", "list", "--like", "pict%")
    assert row["repository_url"].endswith(f".registry.snowflakecomputing.com/{SCHEMA}/pictures")
    assert snow.says("spcs", "image-repository", "url", "pictures").strip() == row["repository_url"]
    assert "PICTURES successfully dropped." in snow.says("spcs", "image-repository", "drop", "pictures")
    assert "does not exist or not authorized." in snow.fails("spcs", "image-repository", "url", "pictures")


def test_images_are_listed(snow: Snow) -> None:
    rows = snow.rows("spcs", "image-repository", "list-images", "raydp_sis_image_repo")
    assert {"web", "work", "crash"} <= {row["image_name"] for row in rows}
    (one,) = snow.rows("spcs", "image-repository", "list-images", "raydp_sis_image_repo", "--like", "WO%")
    assert one["image_name"] == "work"
    assert one["digest"].startswith("sha256:")


def test_a_project_deploys_its_repository(snow: Snow, tmp_path: Path) -> None:
    (tmp_path / "snowflake.yml").write_text(
        "definition_version: 2\nentities:\n  r: {type: image-repository, identifier: project_images}\n"
    )
    made = snow.rows("spcs", "image-repository", "deploy", folder=tmp_path)
    assert made == {"status": "Image Repository PROJECT_IMAGES successfully created."}
    snow.says("spcs", "image-repository", "drop", "project_images")


def test_the_registry_has_an_address_and_gives_tokens(snow: Snow) -> None:
    """``login`` goes on to hand them to a container engine, which no test here has."""
    address = snow.says("spcs", "image-registry", "url").strip()
    assert address.endswith(".registry.snowflakecomputing.com")
    assert address == address.lower()
    token = snow.rows("spcs", "image-registry", "token")
    assert len(token["token"]) > 20
    assert token["expires_in"] == 3600
