#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - the simulator's seeds: those that failed once, then fresh ones drawn from the commit, so that
# every commit looks somewhere else and every run of one commit looks at the same place.
#
#     sh tests/sim/seeds/run.sh [SEEDS]     seeds per workload (6000: some 20,000 in all)
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd -P) || exit 1
rondo=${RONDO:-$root/build/check/gcc/rondo}
seeds=${1:-6000}
n_passed=0 n_failed=0

if [ ! -x "$rondo" ]; then
	echo "skip sim/seeds: $rondo is not built"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

# The first of them: the commit's number, or 1 outside a repository.
commit=$(git -C "$root" rev-parse --short=7 HEAD 2>/dev/null) || commit=1
first=$(printf '%d' "0x$commit")

attempt() {
	name=$1
	shift
	if "$@" >"$log" 2>&1; then
		n_passed=$((n_passed + 1))
		echo "ok sim/$name: $(grep -v '^faults' "$log" | tail -n 1)"
	else
		n_failed=$((n_failed + 1))
		echo "FAIL sim/$name: $(head -n 1 "$log")"
		head -n 40 "$log"
	fi
}

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
attempt listed "$rondo" sim --list "$root/tests/sim/seeds/seeds.txt"
attempt fresh "$rondo" sim --first "$first" --seeds "$seeds"
grep '^faults' "$log" || :
echo "$n_passed passed, $n_failed failed, 0 skipped"
[ "$n_failed" = 0 ]
