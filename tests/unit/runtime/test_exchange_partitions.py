"""A Dataset of blocks that Ray has already: made without Ray's own tasks, and an end that is noticed."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import ray
from ray.data.block import BlockMetadataWithSchema

from airflow_provider_raydp_spcs.runtime import exchange, held
from airflow_provider_raydp_spcs.runtime.exchange_partitions import _dataset


def test_the_dataset_is_made_without_tasks_and_its_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        pytest.fail("tasks that need CPUs, which Spark may have taken all")

    monkeypatch.setattr(ray.data, "from_arrow_refs", fail)
    metadata = [BlockMetadataWithSchema.from_block(pa.table({"A": [number]})) for number in range(3)]
    dataset = _dataset([ray.ObjectRef(bytes([number]) * 28) for number in range(3)], metadata)
    assert (dataset.schema().names, dataset.num_blocks(), dataset.count()) == (["A"], 3, 3)
    released: list[str] = []
    held.release_after(dataset._logical_plan.dag, lambda: released.append("rows"))
    derived = dataset.limit(1)
    del dataset
    gc.collect()
    held.let_go()
    assert released == []
    assert derived.schema().names == ["A"]
    del derived
    gc.collect()
    held.let_go()
    assert released == ["rows"]


@pytest.mark.parametrize("size", [1, exchange.SMALL_BYTES + 1])
def test_rows_that_do_not_come_to_ray_are_not_kept_by_spark(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    released: list[int] = []

    class Failing:
        def __init__(self, frame: Any) -> None:
            self.size = frame.size

        def dataset(self) -> Any:
            raise MemoryError

        collected = dataset

        def release(self) -> None:
            released.append(self.size)
            raise ConnectionError

    monkeypatch.setattr(exchange, "Partitions", Failing)
    monkeypatch.setattr(exchange, "estimated_bytes", lambda _frame: exchange.SURELY_SMALL_BYTES + 1)
    schema = SimpleNamespace(json=lambda: '{"fields": []}')
    frame: Any = SimpleNamespace(size=size, _jdf=SimpleNamespace(schema=lambda: schema))
    with pytest.raises(MemoryError):
        exchange.to_ray(frame)
    assert released == [size]
