#!/usr/bin/env bash
# Builds the images with docker or podman and pushes them to the account's image repository (config.env).
# Usage: images/build_image.sh [build|push|all]     default: all
# Environment: ENGINE=docker|podman, BASE_IMAGE=<other Python base>, TAG=<other tag>
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# shellcheck source=images/config.env
source "$here/config.env"

fail() { echo "build_image.sh: $*" >&2; exit 1; }

engine=${ENGINE:-}
if [ -z "$engine" ]; then
  for candidate in docker podman; do
    if command -v "$candidate" >/dev/null; then engine=$candidate; break; fi
  done
fi
[ -n "$engine" ] || fail "neither docker nor podman is installed"

tag=${TAG:-$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$root/airflow_provider_raydp_spcs/version.py")}
images=(raydp_base raydp_head raydp_worker raydp_custom_worker)

build() {
  ls "$root"/dist/*.whl >/dev/null 2>&1 || fail "there is no wheel in dist/; run: make wheel"
  for image in "${images[@]}"; do
    if [ "$image" = raydp_base ]; then base=${BASE_IMAGE:-}; else base=raydp_base:$tag; fi
    "$engine" build --platform linux/amd64 --tag "$image:$tag" --file "$here/$image/Dockerfile" \
      ${base:+--build-arg "BASE_IMAGE=$base"} "$root"
  done
}

push() {
  case $IMAGE_REGISTRY in
    myorg-myaccount.*) fail "set IMAGE_REGISTRY in images/config.env to your repository_url (SHOW IMAGE REPOSITORIES)" ;;
  esac
  registry=${IMAGE_REGISTRY%%/*}
  if command -v snow >/dev/null && [ "$engine" = docker ]; then
    snow spcs image-registry login
  else
    echo "Signing in to $registry; the password may be a programmatic access token."
    "$engine" login "$registry"
  fi
  for image in "${images[@]}"; do
    "$engine" tag "$image:$tag" "$IMAGE_REGISTRY/$image:$tag"
    "$engine" push "$IMAGE_REGISTRY/$image:$tag"
  done
}

case ${1:-all} in
  build) build ;;
  push) push ;;
  all) build; push ;;
  *) fail "unknown word '$1'; use build, push or all" ;;
esac
