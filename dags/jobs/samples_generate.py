"""Ray job: generated samples for a classifier, written by Ray tasks into the table ML_SAMPLES.

A sample has 20 features, F01 to F20, independent and normally distributed with mean 0 and variance 1, and a LABEL of 0 or 1.
How likely a 1 is follows from seven of the features (see :func:`log_odds`); the other thirteen are noise.

The samples come in parts of 50,000. Each part has a seed of its own, so a rerun gives the same table, however many
workers there are.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

TABLE = "ML_SAMPLES"
FEATURES = [f"F{number:02}" for number in range(1, 21)]
PART_ROWS = 50_000
SEED = 2026


def log_odds(f01: Any, f02: Any, f03: Any, f04: Any, f05: Any, f06: Any, f07: Any) -> Any:
    """Of label 1: two features count by themselves, two by their product, one by its square, two by their signs."""
    import numpy as np

    return 1.2 * f01 - 0.9 * f02 + 0.8 * f03 * f04 + 0.7 * (f05**2 - 1) + 0.6 * np.sign(f06) + 0.4 * np.sign(f07)


def samples(part: int, rows: int) -> dict[str, np.ndarray]:
    """The columns of a part; the same for the same numbers, anywhere."""
    import numpy as np

    random = np.random.default_rng([SEED, part])
    values = random.standard_normal((len(FEATURES), rows))
    chance = 1 / (1 + np.exp(-log_odds(*values[:7])))
    label = (random.random(rows) < chance).astype(np.int64)
    return {**dict(zip(FEATURES, values, strict=True)), "LABEL": label}


def run(rows: int) -> None:
    """Generate the samples on the cluster and replace the table's rows with them."""
    import ray

    from airflow_provider_raydp_spcs.runtime import connection, set_result, write_dataset

    def make(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        (part,) = batch["id"].tolist()
        return samples(part, min(PART_ROWS, rows - part * PART_ROWS))

    columns = ", ".join([*(f"{name} FLOAT" for name in FEATURES), "LABEL NUMBER(1)"])
    with connection() as snowflake:
        snowflake.cursor().execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns})")
    parts = -(-rows // PART_ROWS)
    dataset = ray.data.range(parts, override_num_blocks=parts).map_batches(make, batch_size=1)
    written = write_dataset(dataset, TABLE, mode="overwrite")
    print(f"{written:,} rows in {TABLE}")
    set_result({"rows": written})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many samples")
    arguments = parser.parse_args()
    if arguments.rows < 1:
        parser.error(f"--rows is {arguments.rows}; allowed are whole numbers from 1")
    run(arguments.rows)
