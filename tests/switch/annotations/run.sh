#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - prove that each annotation in engine/switch/sanitizer.h is needed and does not hide bugs.
#
#     sh tests/switch/annotations/run.sh
#
# Each program is built twice. Told, a correct program passes in silence and a planted bug is found.
# Untold (-DRONDO_UNTOLD), the same correct program is accused or crashes: were the annotation
# useless, that case would fail. One line per case; last line "N passed, N failed, N skipped".
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
root=$(CDPATH='' cd -- "$here/../../.." && pwd -P) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
n_passed=0 n_failed=0 n_skipped=0

# TSan of clang 14 cannot place its shadow when mmap is randomised by more than 28 bits.
fixed=''
if setarch "$(uname -m)" -R true 2>/dev/null; then
	fixed="setarch $(uname -m) -R"
fi

tell() {
	case $1 in
	ok) n_passed=$((n_passed + 1)) ;;
	FAIL) n_failed=$((n_failed + 1)) ;;
	skip) n_skipped=$((n_skipped + 1)) ;;
	esac
	printf '%-4s %-14s %s\n' "$@"
}

# build NAME SOURCE CC FLAGS...: $work/NAME-told and $work/NAME-untold.
build() {
	build_name=$1 build_source=$2 build_cc=$3
	shift 3
	for kind in told untold; do
		define=''
		[ $kind = told ] || define=-DRONDO_UNTOLD
		# shellcheck disable=SC2086
		"$build_cc" -std=gnu11 -O1 -g -fno-omit-frame-pointer -D_GNU_SOURCE $define "$@" \
			-I"$root/include" -I"$root/engine" \
			-o "$work/$build_name-$kind" "$here/$build_source" \
			"$root"/engine/base/*.c "$root"/engine/switch/*.c \
			"$root/engine/switch/switch_$(uname -m).S" -pthread 2>"$work/log" || return
	done
}

# run COMMAND...: its status in $status, what it said in $work/log.
run() {
	timeout 60 "$@" >"$work/log" 2>&1
	status=$?
}

show_log() {
	head -n 30 "$work/log" | sed 's/^/    /'
}

# silent NAME WHAT COMMAND...: a correct program, told: exit 0 and not a word.
silent() {
	case_name=$1 case_what=$2
	shift 2
	run "$@"
	if [ $status = 0 ] && [ ! -s "$work/log" ]; then
		tell ok "$case_name" "silent: $case_what"
	else
		tell FAIL "$case_name" "not silent (exit $status): $case_what"
		show_log
	fi
}

# accused NAME WHAT PATTERN COMMAND...: the same program, untold: a crash, or a report like PATTERN.
accused() {
	case_name=$1 case_what=$2 pattern=$3
	shift 3
	run "$@"
	if [ $status -ge 128 ] && [ $status != 137 ]; then
		tell ok "$case_name" "untold, it crashes (exit $status): $case_what"
	elif line=$(grep -m 1 -E "$pattern" "$work/log"); then
		line=$(echo "$line" | cut -c 1-60)
		tell ok "$case_name" "untold, it is accused (exit $status, '$line'): $case_what"
	else
		tell FAIL "$case_name" "untold, nothing happens (exit $status): $case_what"
		show_log
	fi
}

# found NAME WHAT PATTERN FUNCTION COMMAND...: a planted bug, told: reported, and where it is.
found() {
	case_name=$1 case_what=$2 pattern=$3 function=$4
	shift 4
	run "$@"
	if [ $status != 0 ] && grep -q -E "$pattern" "$work/log" &&
		grep -q "$function" "$work/log"; then
		tell ok "$case_name" "found: $case_what"
	else
		tell FAIL "$case_name" "not found (exit $status): $case_what"
		show_log
	fi
}

# Which compilers have this sanitizer: an empty program must link and run.
has() {
	command -v "$1" >/dev/null 2>&1 || return
	echo 'int main(void) { return 0; }' >"$work/empty.c"
	"$1" "$2" -o "$work/empty" "$work/empty.c" >/dev/null 2>&1 &&
		$fixed "$work/empty" >/dev/null 2>&1
}

address() {
	name=asan-$1
	if ! has "$1" -fsanitize=address; then
		tell skip "$name" "$1 -fsanitize=address does not work here"
		return
	fi
	if ! build asan asan.c "$1" -fsanitize=address ||
		! build lsan lsan.c "$1" -fsanitize=address; then
		tell FAIL "$name" 'does not build'
		show_log
		return
	fi
	for fake in 0 1; do
		export ASAN_OPTIONS="detect_stack_use_after_return=$fake:detect_leaks=0"
		what="(use-after-return detection $fake)"
		silent "$name" "longjmp within coroutines $what" "$work/asan-told" jumping
		silent "$name" "the next life on a dropped coroutine's stack $what" \
			"$work/asan-told" dropped
		silent "$name" "10,000 lives on one stack leave nothing behind $what" \
			"$work/asan-told" lives
		silent "$name" "memory mapped where a stack was $what" "$work/asan-told" unmapped
	done
	export ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=0
	accused "$name" 'longjmp within coroutines' \
		'ERROR: AddressSanitizer|ASan is ignoring requested' "$work/asan-untold" jumping
	accused "$name" "the next life on a dropped coroutine's stack" \
		'ERROR: AddressSanitizer: stack' "$work/asan-untold" dropped
	found "$name" 'a write past a local array' 'AddressSanitizer: stack-buffer-overflow' \
		write_past_the_end "$work/asan-told" overflow
	export ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=0
	found "$name" 'use of a local after return' 'AddressSanitizer: stack-use-after-return' \
		keep_a_local "$work/asan-told" use-after-return
	leaks "lsan-$1"
	unset ASAN_OPTIONS
}

leaks() {
	name=$1
	export ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=1
	run "$work/lsan-told" hold
	if grep -q 'LeakSanitizer has encountered a fatal error' "$work/log"; then
		tell skip "$name" 'LeakSanitizer may not trace here'
		return
	fi
	silent "$name" 'memory that a suspended coroutine holds' "$work/lsan-told" hold
	accused "$name" 'memory that a suspended coroutine holds' 'detected memory leaks' \
		"$work/lsan-untold" hold
	found "$name" 'memory that a coroutine has lost' 'detected memory leaks' lose_memory \
		"$work/lsan-told" leak
	found "$name" 'memory that only a former stack holds' 'detected memory leaks' \
		lose_where_a_stack_was "$work/lsan-told" unmapped
}

threads() {
	name=tsan-$1
	if ! has "$1" -fsanitize=thread; then
		tell skip "$name" "$1 -fsanitize=thread does not work here"
		return
	fi
	if ! build tsan tsan.c "$1" -fsanitize=thread; then
		tell FAIL "$name" 'does not build'
		show_log
		return
	fi
	# shellcheck disable=SC2086
	{
		silent "$name" '1,400 deep coroutines on two threads' $fixed "$work/tsan-told" deep
		accused "$name" '1,400 deep coroutines on two threads' \
			'ThreadSanitizer|FATAL' $fixed "$work/tsan-untold" deep
		silent "$name" 'nine pools of 950 stacks' $fixed "$work/tsan-told" pools
		found "$name" 'a race between coroutines of two threads' \
			'WARNING: ThreadSanitizer: data race' increment_shared \
			$fixed "$work/tsan-told" race
	}
}

memcheck() {
	name=valgrind
	if ! command -v valgrind >/dev/null 2>&1; then
		tell skip "$name" 'not installed'
		return
	fi
	echo '#include <valgrind/memcheck.h>' >"$work/empty.c"
	if ! cc -fsyntax-only "$work/empty.c" 2>/dev/null; then
		tell skip "$name" 'its headers are not installed: there are no annotations here'
		return
	fi
	if ! build valgrind valgrind.c cc; then
		tell FAIL "$name" 'does not build'
		show_log
		return
	fi
	memcheck='valgrind -q --error-exitcode=99'
	# shellcheck disable=SC2086
	{
		silent "$name" 'switches between neighbouring stacks' \
			$memcheck "$work/valgrind-told" rest
		accused "$name" 'switches between neighbouring stacks' \
			'Invalid (read|write)|uninitialised|switching stacks' \
			$memcheck "$work/valgrind-untold" rest
		found "$name" 'a decision on a local that was not set' 'depends on uninitialised' \
			use_what_was_not_set $memcheck "$work/valgrind-told" unset
		found "$name" "a decision on what a stack's last life left" \
			'depends on uninitialised' use_what_the_last_life_left \
			$memcheck "$work/valgrind-told" stale
		found "$name" 'a write past a block' 'Invalid write' write_past_the_block \
			$memcheck "$work/valgrind-told" overflow
	}
}

address gcc
address clang
threads clang
threads gcc
memcheck
echo "$n_passed passed, $n_failed failed, $n_skipped skipped"
[ $n_failed = 0 ]
