#!/bin/bash
# Validates openapi.json, then lets schemathesis ask a demo server everything the document allows, and some more.
# Bounded: about a minute after the build. The venv is kept below target. HEKETI_BUILT is a directory that has heketi;
# without it, it is built.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/heketi-http
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
venv=$target/openapi-venv
packages=(openapi-spec-validator==0.9.0 schemathesis==4.32.5)
stamp=$venv/${packages[*]}
# A slash would make a folder of the stamp's name.
if [ ! -e "${stamp// /+}" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
    touch "${stamp// /+}"
fi
"$venv/bin/openapi-spec-validator" "$here/openapi.json"

[ -n "${HEKETI_BUILT:-}" ] || cargo build --quiet --locked -p heketi-http --bin heketi
work=$(mktemp -d)
log=$work/log
"${HEKETI_BUILT:-$target/debug}/heketi" demo --port=0 >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
url=
for _ in $(seq 300); do
    url=$(sed -n 's/^heketi serves on \(http[^ ]*\) .*/\1/p' "$log")
    if [ -n "$url" ] && grep -q '^Serving until' "$log"; then break; fi
    if ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
done
if ! grep -q '^Serving until' "$log"; then
    cat "$log" >&2
    echo "the demo server did not start" >&2
    exit 1
fi
"$venv/bin/python" -c 'import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1], timeout=10).read())' \
    "$url/openapi.json" >"$work/served.json"
cmp "$here/openapi.json" "$work/served.json"

# It leaves a cache where it runs.
cd "$work"
# Not asked: a stream without end, and the switch that would turn everything else off.
HEKETI_URL=$url SCHEMATHESIS_HOOKS=openapi_check PYTHONPATH=$here timeout 150 "$venv/bin/schemathesis" run "$url/openapi.json" \
    --checks status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,refusals \
    --exclude-path /events --exclude-operation-id post_admin \
    --phases examples,coverage,fuzzing --max-examples 30 --seed 4 --max-time "${HEKETI_OPENAPI_SECONDS:-40}" \
    --request-timeout 20 --generation-database none --no-color
if ! kill -0 "$server" 2>/dev/null; then
    cat "$log" >&2
    echo "the demo server ended" >&2
    exit 1
fi
if grep -i "defect\|panicked\|operation stopped" "$log"; then
    echo "the demo server found a defect of its own" >&2
    exit 1
fi
