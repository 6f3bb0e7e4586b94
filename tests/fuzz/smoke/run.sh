#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - each fuzz target for its share of a minute, from its committed inputs on.
#
#     sh tests/fuzz/smoke/run.sh [SECONDS]     in all (60)
#
# Builds below build/check/fuzz. A crash leaves its input there, and what follows the line that says
# FAIL says how to run it again. Last line "N passed, N failed, N skipped".
set -u

# So that one commit is looked at in one way; long.sh looks further (0: a seed of its own).
fuzz_seed=1

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd -P) || exit 1
out=$root/build/check/fuzz
seconds=${1:-60}
n_passed=0 n_failed=0
. "$root/tests/fuzz/build.sh"

finish() {
	echo "$n_passed passed, $n_failed failed, $1 skipped"
	[ $n_failed = 0 ]
	exit
}

# Programs have more in them than lists of names: half of the time is theirs.
share_of() {
	case $1 in
	program) echo $((seconds / 2)) ;;
	*) echo $(((seconds - seconds / 2) / 4)) ;;
	esac
}

# What went wrong, in a line: the simulator's words, or a sanitizer's.
cause() {
	grep -m 1 -E '^rondo: |runtime error:|^SUMMARY:|^==[0-9]+== ?ERROR|^[^ ]+:[0-9]+: ' "$1" ||
		tail -n 1 "$1"
}

smoke() {
	log=$out/$1.log
	work=$out/smoke-$1
	rm -rf "$work"
	mkdir -p "$work"
	# New inputs go to the first folder, which is as empty each time: a run is for itself.
	if fuzz_run "$1" "$(share_of "$1")" "$work" "$root/tests/fuzz/corpus/$1" >"$log" 2>&1; then
		n_passed=$((n_passed + 1))
		echo "ok fuzz/$1: $(fuzz_speed "$log")"
		return
	fi
	n_failed=$((n_failed + 1))
	echo "FAIL fuzz/$1: $(cause "$log")"
	fuzz_replay "$1" "$log"
	grep -vE '^#[0-9]|NEW_FUNC|^INFO' "$log" | head -n 40 | sed 's/^/    /'
}

missing=$(fuzz_missing)
if [ -n "$missing" ]; then
	echo "skip fuzz: $missing"
	finish 1
fi
mkdir -p "$out" || exit 1
if ! fuzz_build >"$out/build.log" 2>&1; then
	n_failed=1
	echo "FAIL fuzz/build: $out/build.log ends with:"
	tail -n 30 "$out/build.log" | sed 's/^/    /'
	finish 0
fi
for target in $fuzz_targets; do
	smoke "$target"
done
finish 0
