#!/bin/sh
# Runs distributed's own comm tests, from a checkout of its repository, twice: as they stand, and with
# relay:// in the place of tcp:// and tls://. The outcome of each goes to results/upstream.json.
#
#     benchmarks/upstream.sh CHECKOUT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "${1:?name a checkout of github.com/dask/distributed}" && pwd)
export PYTHONPATH="$here"
exec "${PYTHON:-python}" -m pytest -p upstream_relay -p no:cacheprovider -c /dev/null \
    --rootdir "$checkout" --import-mode=importlib -q --runslow "$checkout/distributed/comm/tests"
