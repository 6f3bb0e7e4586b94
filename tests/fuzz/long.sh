#!/bin/sh
# SPDX-License-Identifier: MIT
# long.sh - fuzz for as long as one likes; goes on from what earlier runs have found.
#
#     sh tests/fuzz/long.sh [TARGET] [SECONDS]     all targets in turn, 600 s each; 0: for ever
#
# Inputs that reach something new are kept below build/fuzz-corpus/TARGET, crashes beside them in
# build/fuzz-corpus/crashes. JOBS=N runs N processes at once (1). An end by ^C loses nothing.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P) || exit 1
out=$root/build/check/fuzz
corpus=$root/build/fuzz-corpus
. "$root/tests/fuzz/build.sh"

missing=$(fuzz_missing)
if [ -n "$missing" ]; then
	echo "rondo: fuzz: $missing" >&2
	exit 1
fi
case " $fuzz_targets " in
*" ${1:-program} "*) ;;
*)
	echo "rondo: $1: no such target; there are $fuzz_targets" >&2
	exit 2
	;;
esac
mkdir -p "$out" "$corpus/crashes" || exit 1
echo "building below $out"
fuzz_build || exit 1
status=0
for target in ${1:-$fuzz_targets}; do
	mkdir -p "$corpus/$target"
	log=$corpus/$target.log
	echo "$target: $(find "$corpus/$target" -type f | wc -l) inputs kept; see $log"
	fuzz_jobs=${JOBS:-1} fuzz_crashes=$corpus/crashes/
	if fuzz_run "$target" "${2:-600}" "$corpus/$target" "$root/tests/fuzz/corpus/$target" \
		>"$log" 2>&1; then
		echo "ok $target: $(fuzz_speed "$log")"
	else
		echo "FAIL $target: $(fuzz_speed "$log")"
		fuzz_replay "$target" "$log"
		status=1
	fi
done
exit $status
