"""``snow spcs compute-pool``."""

from __future__ import annotations

from pathlib import Path

from tests.integration.snowflake_cli.snow import Snow

DONE = {"status": "Statement executed successfully."}


def pool(snow: Snow, *command: str, folder: Path | None = None) -> object:
    return snow.rows("spcs", "compute-pool", *command, folder=folder)


def test_the_whole_life_of_a_pool(snow: Snow) -> None:
    making = ("create", "p1", "--min-nodes", "1", "--max-nodes", "2", "--family", "CPU_X64_XS", "--init-suspend")
    made = pool(snow, *making, "--no-auto-resume", "--auto-suspend-secs", "120", "--comment", "it's a pool")
    assert made == {"status": "Compute pool P1 successfully created."}
    assert "Object already exists." not in str(pool(snow, *making, "--if-not-exists"))
    (row,) = pool(snow, "list", "--like", "p_")  # type: ignore[misc]
    shown = {
        "name": "P1",
        "state": "SUSPENDED",
        "auto_resume": "false",
        "auto_suspend_secs": 120,
        "comment": "it's a pool",
    }
    assert shown.items() <= row.items()
    assert pool(snow, "resume", "p1") == DONE
    assert pool(snow, "set", "p1", "--max-nodes", "3", "--auto-resume", "--comment", "another") == DONE
    assert pool(snow, "unset", "p1", "--auto-suspend-secs", "--comment") == DONE
    described = pool(snow, "describe", "p1")
    described = described[0] if isinstance(described, list) else described
    expected = {"max_nodes": 3, "auto_resume": "true", "auto_suspend_secs": 3600, "comment": None}
    assert expected.items() <= described.items()  # type: ignore[attr-defined]
    assert pool(snow, "stop-all", "p1") == DONE
    assert pool(snow, "suspend", "p1") == DONE
    assert "P1 successfully dropped." in snow.says("spcs", "compute-pool", "drop", "p1")
    assert pool(snow, "list", "--like", "p_") == []


def test_a_pool_that_is_there_already(snow: Snow) -> None:
    making = ("spcs", "compute-pool", "create", "p2", "--family", "CPU_X64_XS", "--init-suspend")
    snow.says(*making)
    assert "Compute-pool P2 already exists." in snow.fails(*making)
    snow.says("spcs", "compute-pool", "drop", "p2")


def test_the_status_of_a_pool(snow: Snow) -> None:
    snow.says("spcs", "compute-pool", "create", "p3", "--family", "CPU_X64_XS", "--init-suspend")
    assert "SUSPENDED" in snow.says("spcs", "compute-pool", "status", "p3")
    snow.says("spcs", "compute-pool", "drop", "p3")


def test_a_project_deploys_its_pool(snow: Snow, tmp_path: Path) -> None:
    (tmp_path / "snowflake.yml").write_text(
        """
definition_version: 2
entities:
  pool: {type: compute-pool, identifier: p4, instance_family: CPU_X64_XS, max_nodes: 2, initially_suspended: true}
"""
    )
    assert pool(snow, "deploy", folder=tmp_path) == {"status": "Compute pool P4 successfully created."}
    assert pool(snow, "deploy", "--upgrade", folder=tmp_path) == DONE
    snow.says("spcs", "compute-pool", "drop", "p4")


def test_a_pool_that_is_not_there_is_named(snow: Snow) -> None:
    said = snow.fails("spcs", "compute-pool", "suspend", "p9")
    assert "002003 (02000)" in said
    assert "Compute pool 'P9' does not exist or not authorized." in said
