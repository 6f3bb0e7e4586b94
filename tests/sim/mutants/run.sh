#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - would the simulator notice? Each patch here is a one-line bug of the engine; it is built in
# and must be caught by `rondo sim` within 1000 seeds.
#
#     sh tests/sim/mutants/run.sh [NAME...]     all, or those whose names contain one of these
#
# Works on a copy of the sources below build/check/mutants.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd -P) || exit 1
if ! command -v python3 >/dev/null || ! command -v patch >/dev/null; then
	echo "skip sim/mutants: it needs python3 and patch"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
exec python3 "$root/tests/sim/mutants/mutants.py" "$@"
