"""Spark job: punctuality of one day's flights, per carrier and origin.

Reads FLIGHTS, AIRLINES, WEATHER and PLANES from Snowflake and replaces that day in FLIGHTS_DAILY, in one transaction, so
that a rerun or backfill of the day gives the same rows. Columns of the result:

- FLIGHT_DATE, CARRIER, CARRIER_NAME, ORIGIN: what the row is about.
- FLIGHTS: flights planned that day; CANCELLATIONS: those of them that never departed (no departure time).
- DEP_DELAY_MEAN, _MEDIAN, _P95 and ARR_DELAY_…: minutes, early is negative; over flights that have the delay. Median and
  95th percentile interpolate linearly between the neighbouring values.
- BAD_VISIBILITY_DELAYED_SHARE: of the departed flights whose planned departure hour had less than 5 miles of visibility
  at the origin, the share that departed more than 15 minutes late; NULL where there were none.
- SEATS_FLOWN: seats of the planes of all departed flights whose plane is known.
"""

from __future__ import annotations

import argparse
import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BAD_VISIBILITY_MILES = 5
DELAYED_MINUTES = 15
RESULT_TABLE = "FLIGHTS_DAILY"


def punctuality(flights: DataFrame, airlines: DataFrame, weather: DataFrame, planes: DataFrame) -> DataFrame:
    """The result's rows for the flights given; every input as it stands in Snowflake."""
    from pyspark.sql import functions as f

    # An hour of weather may be reported twice; a flight must not be counted twice for it.
    visibility = weather.groupBy("ORIGIN", "TIME_HOUR").agg(f.min("VISIB").alias("VISIB"))
    seats = planes.select("TAILNUM", "SEATS")
    names = airlines.select("CARRIER", f.col("NAME").alias("CARRIER_NAME"))
    joined = (
        flights.join(visibility, ["ORIGIN", "TIME_HOUR"], "left")
        .join(seats, "TAILNUM", "left")
        .join(names, "CARRIER", "left")
        .withColumn("DEPARTED", f.col("DEP_TIME").isNotNull())
        .withColumn("BAD", f.col("DEPARTED") & (f.col("VISIB") < BAD_VISIBILITY_MILES))
        .withColumn("LATE", (f.col("DEP_DELAY") > DELAYED_MINUTES).cast("double"))
    )
    delays = [
        measure
        for kind in ("DEP_DELAY", "ARR_DELAY")
        for measure in (
            f.mean(kind).alias(f"{kind}_MEAN"),
            f.expr(f"percentile({kind}, 0.5)").alias(f"{kind}_MEDIAN"),
            f.expr(f"percentile({kind}, 0.95)").alias(f"{kind}_P95"),
        )
    ]
    date = f.make_date(f.col("YEAR"), f.col("MONTH"), f.col("DAY")).alias("FLIGHT_DATE")
    return joined.groupBy(date, "CARRIER", "CARRIER_NAME", "ORIGIN").agg(
        f.count("*").alias("FLIGHTS"),
        f.sum((~f.col("DEPARTED")).cast("long")).alias("CANCELLATIONS"),
        *delays,
        f.mean(f.when(f.col("BAD"), f.col("LATE"))).alias("BAD_VISIBILITY_DELAYED_SHARE"),
        f.coalesce(f.sum(f.when(f.col("DEPARTED"), f.col("SEATS"))), f.lit(0)).alias("SEATS_FLOWN"),
    )


def run(day: dt.date, share: float) -> None:
    """Compute a day on the cluster and replace it in the result table."""
    from airflow_provider_raydp_spcs.runtime import read_table, set_result, spark_session, write_table

    with spark_session(share=share) as spark:
        of_day = {"where": "YEAR = %s AND MONTH = %s AND DAY = %s", "params": (day.year, day.month, day.day)}
        flights = read_table(spark, "FLIGHTS", **of_day)
        planned_hours = "TIME_HOUR BETWEEN %s AND %s"
        weather = read_table(
            spark,
            "WEATHER",
            where=planned_hours,
            # TIME_HOUR is in UTC and New York's day ends five hours later.
            params=(f"{day} 00:00:00", f"{day + dt.timedelta(days=1)} 12:00:00"),
        )
        result = punctuality(
            flights.repartition(spark.sparkContext.defaultParallelism),
            read_table(spark, "AIRLINES"),
            weather,
            read_table(spark, "PLANES", columns=("TAILNUM", "SEATS")),
        ).cache()
        result.orderBy("CARRIER", "ORIGIN").select("CARRIER", "ORIGIN", "FLIGHTS", "CANCELLATIONS").show(100)
        written = write_table(result, RESULT_TABLE, mode="replace_where", where="FLIGHT_DATE = %s", params=(str(day),))
        print(f"{day}: {written} rows in {RESULT_TABLE}")
        set_result({"day": str(day), "rows": written})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--day", required=True, type=dt.date.fromisoformat, help="day of 2013, YYYY-MM-DD")
    parser.add_argument("--share", type=float, default=1.0, help="of each worker that this job may take")
    arguments = parser.parse_args()
    run(arguments.day, arguments.share)
