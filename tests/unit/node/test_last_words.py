"""What a node says when Ray ended by itself."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_raydp_spcs.node.supervisor import _last_words

REASON = (
    "[2026-11-25 23:40:01,123 C 4567 4590] (raylet) agent_manager.cc:86: The raylet exited because its agent did.\n"
)


def logs(ray_dir: Path, name: str, text: str) -> None:
    folder = ray_dir / "session_latest" / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_the_reason_stands_before_the_end_of_a_long_stack_trace(tmp_path: Path) -> None:
    trace = [f"  frame {number}\n" for number in range(40)]
    logs(tmp_path, "raylet.err", "".join(["[2026-11-25 23:39:00,000 I 4567 4567] started\n", REASON, *trace]))
    said = _last_words(tmp_path).splitlines()
    assert said[0] == "; raylet.err ends with:"
    assert said[1] == REASON.strip()
    assert said[-1].strip() == "frame 39"
    assert len(said) == 17


def test_a_reason_within_the_end_is_told_once(tmp_path: Path) -> None:
    logs(tmp_path, "raylet.err", REASON)
    assert _last_words(tmp_path) == f"; raylet.err ends with:\n{REASON.strip()}"


def test_an_empty_log_gives_way_to_the_next_and_none_to_silence(tmp_path: Path) -> None:
    assert _last_words(tmp_path) == ""
    logs(tmp_path, "ray_process_exit.log", "")
    logs(tmp_path, "gcs_server.err", "no room\n")
    assert _last_words(tmp_path) == "; gcs_server.err ends with:\nno room"
