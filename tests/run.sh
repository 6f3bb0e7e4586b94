#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - from a clone to a verdict: install what the tests need, build, run every test.
#
#     sh tests/run.sh               everything
#     sh tests/run.sh --quick       the suite built by gcc, and the hygiene tests
#     sh tests/run.sh REGEX         only the tests whose names (ctest's) match, built by gcc
#
# Prints one line per step as it goes, below it what failed, and last "N passed, N failed, N
# skipped". All is built and logged below build/check. A step that fails does not stop the others.
# A test program that fails is run once more, since other work on the machine may be the reason. If
# it then passes it counts as passed, but is told ("again"): it is a bug, of the test or the engine.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
out=$root/build/check
jobs=$(nproc)
n_passed=0 n_failed=0 n_skipped=0
# Not with sanitizers: gcc then warns of truncations that it would otherwise see cannot happen.
plain='-DRONDO_WERROR=ON'
export PYTHONDONTWRITEBYTECODE=1 # the tree stays as it was cloned
. "$root/tools/pkg/install.sh"
. "$root/tools/pkg/build.sh"

tell() {
	printf '%-6s %-24s %s\n' "$@"
}

since() {
	echo "$(($(date +%s) - $1)) s"
}

log_of() {
	echo "$out/$(echo "$1" | tr -c 'A-Za-z0-9\n' '-').log"
}

skipped() {
	n_skipped=$((n_skipped + 1))
	tell skip "$1" "$2"
}

# step NAME COMMAND...: one thing that passes or fails.
step() {
	name=$1 log=$(log_of "$1") start=$(date +%s)
	shift
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	if [ $status = 0 ]; then
		n_passed=$((n_passed + 1))
		tell ok "$name" "$(since "$start")"
	else
		n_failed=$((n_failed + 1))
		tell FAIL "$name" "exit $status after $(since "$start"); $log ends with:"
		tail -n 60 "$log" | sed 's/^/    /'
	fi
	return $status
}

# A test's result, as ctest or something that writes as it does has put it.
result='^ *([0-9]+/[0-9]+ )?Test +#'

# How many tests passed and failed. The last result of each counts: one that fails is run again.
count() {
	awk -v result="$result" '$0 ~ result && !/\*\*\*Skipped/ {
			sub(".*#[0-9]+: ", "")
			passes[$1] = / Passed /
		}
		END {
			for (test in passes) passes[test] ? passed++ : failed++
			print passed + 0, failed + 0
		}' "$1"
}

# Those that failed at first and passed when they were run again.
unsteady() {
	awk -v result="$result" '$0 ~ result {
			sub(".*#[0-9]+: ", "")
			if (!/ Passed |\*\*\*Skipped/) failed[$1] = 1
			else if ($1 in failed) print $1
		}' "$1"
}

# Failures first, by name; then what the log has besides the tests that passed.
show_failures() {
	grep -E "^FAIL|$result.*\*\*\*" "$1" | sed 's/^/    /'
	grep -vE '^(ok|skip) |^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test.* Passed )' "$1" | tail -n 150 |
		sed 's/^/    | /'
}

# skips LOG OUTPUTS: what was left out, and why: a whole program, or one of its tests in cmocka's
# words. Which programs is in the log; what they said is in the outputs.
skips() {
	awk 'FNR == NR { if (/^ *[0-9]+\/[0-9]+ Test +#.*\*\*\*Skipped/) left_out[$4] = 1; next }
		/^ *[0-9]+\/[0-9]+ Test(ing:| +#)/ { test = ($2 == "Testing:") ? $3 : $4 }
		/^Output:$/ { why = "no reason given" }
		/^\[ RUN / { running = 1; why = "no reason given" }
		/^\[  SKIPPED \]/ && running { print test ": " $4 ": " why }
		/^\[ +(OK|FAILED|ERROR|SKIPPED) +\]/ { running = 0 }
		/^<end of output>$/ && test in left_out { print test ": " why }
		!/^(\[|-----)/ && NF { why = $0 }' "$1" "$2" 2>/dev/null
}

# account NAME LOG STATUS SECONDS PASSED FAILED: add a suite's tests to the sum, and tell.
account() {
	# A command that failed before any test did has failed all the same.
	[ "$3" = 0 ] || [ "$6" -gt 0 ] || set -- "$1" "$2" "$3" "$4" "$5" 1
	n_passed=$((n_passed + $5)) n_failed=$((n_failed + $6))
	if [ "$6" = 0 ]; then
		tell ok "$1" "$5 passed; $4"
	else
		tell FAIL "$1" "$5 passed, $6 failed; $4; from $2:"
		show_failures "$2"
	fi
	while IFS= read -r line; do
		skipped "$1" "$line"
	done <"$out/skips"
	unsteady "$2" >"$out/unsteady"
	[ ! -s "$out/unsteady" ] || tell again "$1" "failed, then passed: $(tr '\n' ' ' <"$out/unsteady")"
	[ ! -s "$out/unsteady" ] || [ "$6" -gt 0 ] || show_failures "$2"
}

# suite NAME OUTPUTS COMMAND...: many tests in one command; each of them counts. OUTPUTS is where
# the output of tests that passed is to be found, if not in the command's own.
suite() {
	name=$1 outputs=$2 log=$(log_of "$1") start=$(date +%s)
	shift 2
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	skips "$log" "${outputs:-$log}" >"$out/skips"
	# shellcheck disable=SC2046
	account "$name" "$log" $status "$(since "$start")" $(count "$log")
}

# script FILE: a test script that tells ok, FAIL and skip as this one does, and last its sum.
script() {
	name=${1#"$root/tests/"} start=$(date +%s)
	name=${name%/run.sh}
	log=$(log_of "$name")
	timeout 7200 sh "$1" >"$log" 2>&1 </dev/null
	status=$?
	sed -n 's/^skip *//p' "$log" >"$out/skips"
	# shellcheck disable=SC2046
	set -- $(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, .*/\1 \2/p')
	account "$name" "$log" $status "$(since "$start")" "${1:-0}" "${2:-1}"
}

# tree NAME PRESET [CMAKE-ARGS...]: configure and build one variant, all of it that can be built.
tree() {
	tree_name=$1
	shift
	configure "$root" "$out/$tree_name" "$@" || return
	keep_going=-k
	[ ! -f "$out/$tree_name/build.ninja" ] || keep_going='-k 0'
	# shellcheck disable=SC2086
	timeout 7200 cmake --build "$out/$tree_name" --parallel "$jobs" -- $keep_going
}

# tests_in TREE NAME CTEST-ARGS...: run tests of one variant. `launcher` may precede ctest.
launcher=''
tests_in() {
	tests_tree=$out/$1 tests_name=$2
	shift 2
	# shellcheck disable=SC2086
	suite "$tests_name" "$tests_tree/Testing/Temporary/LastTest.log" \
		timeout 7200 $launcher ctest --test-dir "$tests_tree" --output-on-failure \
		--no-tests=error --repeat until-pass:2 --parallel "$jobs" "$@"
}

# build_and_test NAME PRESET: what both compilers and each sanitizer get. A test program that does
# not compile fails alone. Hygiene is about the source and runs once.
build_and_test() {
	step "build $1" tree "$@"
	[ -f "$out/$1/librondo.so" ] || return
	tests_in "$1" "suite $1" --label-exclude 'hygiene|install'
}

# clang 14's ThreadSanitizer finds no room for its shadow if mmap is randomised by over 28 bits.
thread_sanitizer() {
	if [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)" -gt 28 ]; then
		launcher="setarch $(uname -m) -R"
	fi
	build_and_test tsan-clang clang-tsan
	launcher=''
}

# under_valgrind NAME ONLY VALGRIND-ARGS...
under_valgrind() {
	valgrind_name=$1 valgrind_only=$2
	shift 2
	suite "$valgrind_name" '' timeout 7200 python3 "$root/tests/support/run_under.py" \
		"$out/gcc" --only "$valgrind_only" --except "$not_for_valgrind" --timeout 900 -- \
		valgrind -q --error-exitcode=99 --leak-check=full \
		--errors-for-leak-kinds=definite "$@"
}

# valgrind 3.19 lets no other thread run while one waits in io_uring_enter, has no pidfd_open, and
# minds RLIMIT_NOFILE and mount(2) in its own way.
not_for_valgrind='^(io/(memory|process|socket|file_faults)|loop/remote|task/(deadlock|workers|thread.*|outside))$'

# It takes what the kernel writes for undefined. The verbs of io/ tell it otherwise; tests of what
# lies below them read with bare ops, so there it looks for wrong addresses and leaks alone.
valgrind_subset() {
	under_valgrind 'valgrind' '^(base|switch|io|sync|tls)/'
	under_valgrind 'valgrind addresses' '^(loop|task)/' --undef-value-errors=no
}

# The engine works for an ordinary user with the usual limits, too. It gets a copy, because a clone
# below /root is closed to it.
ordinary_user() {
	copy=$(mktemp -d /tmp/rondo-user.XXXXXX) || return
	chmod 755 "$copy"
	mkdir "$copy/source" "$copy/build" "$copy/cwd"
	chmod 1777 "$copy/cwd"
	tar -C "$root" --exclude=./build --exclude=./.git -cf - . | tar -C "$copy/source" -xf -
	tar -C "$out/gcc" --exclude=./CMakeFiles -cf - . | tar -C "$copy/build" -xf -
	chmod -R go+rX "$copy/source" "$copy/build"
	suite 'suite ordinary user' '' \
		env LD_LIBRARY_PATH="$copy/build" TMPDIR="$copy/cwd" HOME="$copy/cwd" \
		timeout 7200 python3 "$root/tests/support/run_under.py" "$out/gcc" \
		--except '^(base|random|differential)/' --cwd "$copy/cwd" \
		--move "$out/gcc=$copy/build" --move "$root=$copy/source" -- \
		setpriv --reuid='{id}' --regid='{id}' --clear-groups \
		prlimit --memlock=8388608:8388608 --nofile=1024:1024
	rm -rf "$copy"
}

# The whole engine must compile for aarch64, though only its switch can run here. liburing's
# headers are the same for every machine; the folder they lie in is not, so they are linked to.
aarch64_compiles() {
	headers=$out/aarch64-headers
	mkdir -p "$headers"
	for file in liburing.h liburing; do
		ln -sfn "$(pkg-config --variable=includedir liburing)/$file" "$headers/$file"
	done
	for file in "$root"/engine/*/*.c; do
		case $file in */dns_cares* | */tls/*) continue ;; esac # their headers depend on the machine
		aarch64-linux-gnu-gcc -fsyntax-only -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE \
			-I"$root/include" -I"$root/engine" -isystem "$headers" "$file" || return
	done
}

# part NAME THING...: may this part run? If it lacks something, it is skipped.
part() {
	part_name=$1
	shift
	absent=$(missing "$@")
	[ -z "$absent" ] && return
	skipped "$part_name" "not installed, and could not be: ${absent% }"
	return 1
}

full_run() {
	build_and_test gcc release $plain -DCMAKE_C_COMPILER=gcc
	tests_in gcc hygiene --label-regex hygiene
	for file in "$root"/tests/*/*/run.sh; do
		[ ! -f "$file" ] || script "$file"
	done
	part clang clang && build_and_test clang clang-release $plain
	part asan-gcc gccsan && build_and_test asan-gcc asan -DCMAKE_C_COMPILER=gcc
	part asan-clang clang clangrt && build_and_test asan-clang clang-asan
	part tsan-clang clang clangrt && thread_sanitizer
	if [ -x "$out/gcc/rondo" ]; then
		part valgrind valgrind && valgrind_subset
		# Where this is no root, every suite above was an ordinary user's.
		[ "$(id -u)" = 0 ] && part 'ordinary user' setpriv && ordinary_user
	fi
	part aarch64 cross qemu && {
		step 'compile aarch64' aarch64_compiles
		build_and_test aarch64 aarch64 $plain
	}
	tests_in gcc install --label-regex install
	suite readme '' python3 "$root/tests/hygiene/check_readme.py" \
		--root "$root" --build "$out/gcc"
}

install_all() {
	need "$out/install.log" cc cxx cmake make pkgconf uring cmocka python3 binutils || return
	# What is missing of these costs its part, not the run: all at once, or else one by one.
	optional=$(missing gccsan clang clangrt valgrind cross qemu strace gdb setpriv patch openssl \
		curl nc socat wrk cares dnsmasq)
	[ -n "$optional" ] && find_root || return 0
	# shellcheck disable=SC2086
	install_things "$out/install.log" $optional || for optional_thing in $optional; do
		install_things "$out/install.log" "$optional_thing"
	done
	return 0
}

mkdir -p "$out" && : >"$out/install.log" || exit 1
if ! install_all; then
	n_failed=1
elif [ $# = 0 ]; then
	full_run
elif [ "$1" = --quick ]; then
	build_and_test gcc release $plain -DCMAKE_C_COMPILER=gcc
	tests_in gcc hygiene --label-regex hygiene
else
	step 'build gcc' tree gcc release $plain -DCMAKE_C_COMPILER=gcc
	tests_in gcc "tests $1" --tests-regex "$1"
fi
echo "$n_passed passed, $n_failed failed, $n_skipped skipped"
[ $n_failed = 0 ]
