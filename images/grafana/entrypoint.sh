#!/bin/sh
# Runs the Grafana of the official image, or says that it is not there.
set -eu

if [ ! -x /run.sh ]; then
    echo "grafana: there is no Grafana here; build this image from the official one (docker.io/grafana/grafana)," \
        "or create the cluster with Prometheus alone: monitoring={'grafana': False}" >&2
    exit 1
fi
exec /run.sh "$@"
