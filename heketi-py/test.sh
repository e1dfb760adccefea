#!/bin/bash
# Checks the Python module in a virtual environment of its own: installs it as users do, then types, stubs, tests
# and recipes. `--stubs` writes the stub of the native half anew. HEKETI_BUILT is a directory that has the programs
# the tests use; without it they are built.
set -euo pipefail
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-$PWD/../target}
export CARGO_TARGET_DIR=$target PIP_DISABLE_PIP_VERSION_CHECK=1
environment=$target/python
stub=python/heketi/_heketi.pyi
[ -x "$environment/bin/pip" ] || python3 -m venv "$environment"
export PATH=$environment/bin:$PATH VIRTUAL_ENV=$environment

if [ -z "${HEKETI_BUILT:-}" ]; then
    cargo build --locked --quiet -p heketi-http --bin heketi
    cargo build --locked --quiet -p heketi-exec --features node-sim --bin heketi-node-sim
fi
programs=${HEKETI_BUILT:-$target/debug}
rm -f python/heketi/_heketi*.so
MATURIN_PEP517_ARGS="--profile dev" pip install --quiet ".[test]"

rm -rf "$target/stubs"
maturin generate-stubs --profile dev --quiet --out "$target/stubs" >/dev/null
made=$(find "$target/stubs" -name '_heketi*.pyi' | head -n 1)
[ "${1:-}" != --stubs ] || cp "$made" "$stub"
diff -u "$stub" "$made" || { echo "$stub is not what the code says: heketi-py/test.sh --stubs" >&2; exit 1; }
python make_aio.py --check

# The installed module is tested, not the sources beside it.
export HEKETI_SERVER=$programs/heketi HEKETI_NODE_SIM=$programs/heketi-node-sim
timeout 300 mypy --strict -p heketi
timeout 300 mypy --strict docs/recipes/*.py docs/rate.py pytests tests/smoke.py
timeout 300 stubtest heketi --allowlist stubtest-allowed
timeout 300 python tests/smoke.py
timeout 500 pytest
