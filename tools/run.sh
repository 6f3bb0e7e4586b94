#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - from a clone to a running program: install what is missing, build, run `rondo ARGS`.
#
#     sh tools/run.sh [ARGS...]        ARGS default to `demo`; exits with rondo's own status
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
build=$root/build/release
log=$root/build/run.log
. "$root/tools/pkg/install.sh"
. "$root/tools/pkg/build.sh"

# Run a step of the build; on failure show the end of what it said.
quietly() {
	"$@" >>"$log" 2>&1 </dev/null && return
	tail -n 40 "$log" >&2
	echo "rondo: build: failed; the whole log is $log" >&2
	return 1
}

prepare() {
	: >"$log"
	need "$log" cc cmake make pkgconf uring || return
	[ -f "$build/rondo" ] || [ ! -t 2 ] || echo 'rondo: building, once' >&2
	quietly configure "$root" "$build" release &&
		quietly cmake --build "$build" --target programs --parallel "$(nproc)"
}

if ! mkdir -p "$root/build" 2>/dev/null || ! [ -w "$root/build" ]; then
	echo "rondo: $root/build: cannot be written" >&2
	exit 1
fi
# Two at once in one tree would spoil each other's build: the second waits for the first.
(
	flock 9 2>/dev/null # where there is no flock, people take turns by themselves
	prepare
) 9>"$root/build/.lock" || exit 1

[ $# -gt 0 ] || set -- demo
exec "$build/rondo" "$@"
