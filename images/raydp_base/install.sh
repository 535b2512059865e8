#!/bin/sh
# Installs packages in the pinned versions into /opt/raydp/venv while an image is built: install.sh <arguments of uv pip install>
set -eu

secret=/run/secrets/build_ca
if [ -s "$secret" ]; then
    export PIP_CERT="$secret" SSL_CERT_FILE="$secret"
fi
[ -d /opt/raydp/venv ] || python3 -m venv /opt/raydp/venv
# uv only helps to build; it is not part of the image.
uv=$(mktemp -d)
trap 'rm -rf "$uv"' EXIT
/opt/raydp/venv/bin/pip install --quiet --target "$uv" --constraint /opt/raydp/constraints.txt uv
# Without byte code Ray's agents start so slowly that raylets give up waiting for them.
"$uv/bin/uv" pip install --python /opt/raydp/venv/bin/python --compile-bytecode --link-mode copy \
    --constraint /opt/raydp/constraints.txt "$@"
/opt/raydp/venv/bin/python /opt/raydp/slim.py /opt/raydp/venv
