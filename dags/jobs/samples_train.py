"""Spark job: a random forest learns LABEL from the features in ML_SAMPLES and is judged by samples that it has not seen.

Four fifths of the samples are for training, one fifth for the evaluation. The result has the number of all samples, and of
the evaluation the area under the ROC curve (0.5 is chance, 1 is perfect) and the accuracy (share of right answers).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TABLE = "ML_SAMPLES"
LABEL = "LABEL"
SEED = 2026


def evaluate(samples: DataFrame, trees: int, depth: int) -> dict[str, float]:
    """Train with one part of the samples and evaluate with the other."""
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.evaluation import BinaryClassificationEvaluator, MulticlassClassificationEvaluator
    from pyspark.ml.feature import VectorAssembler

    features = [name for name in samples.columns if name != LABEL]
    assembler = VectorAssembler(inputCols=features, outputCol="features")
    vectors = assembler.transform(samples).select("features", LABEL).cache()
    training, unseen = vectors.randomSplit([0.8, 0.2], seed=SEED)
    forest = RandomForestClassifier(labelCol=LABEL, numTrees=trees, maxDepth=depth, seed=SEED)
    judged = forest.fit(training).transform(unseen).cache()
    return {
        "rows": vectors.count(),
        "auc": BinaryClassificationEvaluator(labelCol=LABEL, metricName="areaUnderROC").evaluate(judged),
        "accuracy": MulticlassClassificationEvaluator(labelCol=LABEL, metricName="accuracy").evaluate(judged),
    }


def run(trees: int, depth: int) -> None:
    """Read the samples into the cluster, train and evaluate there."""
    from airflow_provider_raydp_spcs.runtime import read_dataset, set_result, spark_session

    dataset = read_dataset(TABLE)
    with spark_session() as spark:
        samples = dataset.to_spark(spark).repartition(spark.sparkContext.defaultParallelism)
        found = evaluate(samples, trees, depth)
    print(f"{found['rows']:,} samples: AUC {found['auc']:.4f}, accuracy {found['accuracy']:.4f}")
    set_result(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trees", type=int, default=20, help="how many trees the forest has")
    parser.add_argument("--depth", type=int, default=6, help="how deep each is at most")
    arguments = parser.parse_args()
    run(arguments.trees, arguments.depth)
