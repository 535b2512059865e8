#!/bin/sh
# Builds the images with docker or podman and pushes them to the repository that config.env names.
# Usage: sh images/build_image.sh [build|push|all] [IMAGE...]     default: all
# It is the command `raydp-spcs images`, with config.env's values. From the environment, besides config.env's:
#   ENGINE=docker|podman   TAG=<other tag>   BASE_IMAGE=<other Python base>   BUILD_CA=<certificates of a proxy>
#   SIGN_IN=snow|connection|password|none    REGISTRY_USER and REGISTRY_PASSWORD_FILE for SIGN_IN=password
set -eu

here=$(cd "$(dirname "$0")" && pwd)
set -a
# shellcheck source=images/config.env
. "${CONFIG:-$here/config.env}"
set +a

command=$here/../.venv/bin/raydp-spcs
[ -x "$command" ] || command=$(command -v raydp-spcs) || {
    echo "build_image.sh: there is no raydp-spcs; run 'make wheel' in $(dirname "$here"), or: pip install airflow-provider-raydp-spcs" >&2
    exit 1
}
if [ -z "${SIGN_IN:-}" ]; then
    if command -v snow >/dev/null; then SIGN_IN=snow; else SIGN_IN=connection; fi
fi

what=${1:-all}
[ $# -eq 0 ] || shift
case $what in
build | push | all) ;;
*)
    echo "build_image.sh: unknown word '$what'; use build, push or all" >&2
    exit 2
    ;;
esac
[ "$what" = push ] || "$command" images build "$@"
[ "$what" = build ] || "$command" images push "$@" --registry "$IMAGE_REGISTRY" --sign-in "$SIGN_IN" \
    ${REGISTRY_USER:+--user "$REGISTRY_USER"} ${REGISTRY_PASSWORD_FILE:+--password-file "$REGISTRY_PASSWORD_FILE"}
