#!/bin/sh
# Writes Prometheus' configuration from the template beside this script and runs it. What the cluster sets:
#   RAYDP_RAY_TARGETS, RAYDP_SPARK_TARGETS   where targets are asked for
#   RAYDP_DATA_DIR, RAYDP_PORT               where data lie and answers are given
#   RAYDP_RETENTION, RAYDP_RETENTION_SIZE    how long data are kept, and how much of them
set -eu

fail() {
    echo "prometheus: $*" >&2
    exit 1
}

command -v prometheus >/dev/null ||
    fail "there is no program 'prometheus' on PATH; install it (Debian, Ubuntu: apt-get install prometheus) or take an image that has it"
for name in RAYDP_RAY_TARGETS RAYDP_SPARK_TARGETS RAYDP_DATA_DIR RAYDP_PORT RAYDP_RETENTION RAYDP_RETENTION_SIZE; do
    eval "value=\${$name:-}"
    [ -n "$value" ] || fail "$name is not set; the cluster's specification sets it"
done
mkdir -p "$RAYDP_DATA_DIR" 2>/dev/null && [ -w "$RAYDP_DATA_DIR" ] || fail "$RAYDP_DATA_DIR cannot be written"

config=$RAYDP_DATA_DIR/prometheus.yml
sed -e "s|@RAY_TARGETS@|$RAYDP_RAY_TARGETS|" -e "s|@SPARK_TARGETS@|$RAYDP_SPARK_TARGETS|" "$(dirname "$0")/prometheus.yml" >"$config"

# A service instance has an address of its own; where several share one machine, it is told which.
exec prometheus \
    --config.file="$config" \
    --storage.tsdb.path="$RAYDP_DATA_DIR/tsdb" \
    --storage.tsdb.retention.time="$RAYDP_RETENTION" \
    --storage.tsdb.retention.size="$RAYDP_RETENTION_SIZE" \
    --web.listen-address="${SPCS_INSTANCE_ADDRESS:-0.0.0.0}:$RAYDP_PORT" \
    "$@"
