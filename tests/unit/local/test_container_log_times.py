"""When each line of a container's log was written, as far as that is seen."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_raydp_spcs.local.services import container_logs


def test_lines_that_are_seen_at_once_stay_in_order(tmp_path: Path) -> None:
    log = tmp_path / "main.log"
    clock = container_logs.Clock()
    texts = [f"line {number}" for number in range(1000)]
    log.write_text("".join(f"{text}\n" for text in texts[:800]))
    clock.mark(log)
    with log.open("a") as file:
        file.writelines(f"{text}\n" for text in texts[800:])  # which no look has seen yet
    found = list(container_logs.lines(log))
    assert [text for _, text in found] == texts
    moments = [moment for moment, _ in found]
    assert len(set(moments)) == len(moments)
    assert moments == sorted(moments)
    assert [moment for moment, _ in container_logs.lines(log)][:800] == moments[:800]
