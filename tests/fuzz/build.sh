# SPDX-License-Identifier: MIT
# build.sh - build the fuzz targets by clang, with libFuzzer, ASan and UBSan, and run them; sourced.
#
# Not by CMake: the engine itself must be instrumented for coverage, which no other test wants. The
# caller has set `root` and `out`; what is built lies in $out, and only what changed is built anew.
# shellcheck disable=SC2154,SC3013

fuzz_targets='program cli random address faults reader'

# The stack depth says nothing where there are many stacks.
fuzz_flags="-std=gnu11 -O1 -g -fno-omit-frame-pointer -D_GNU_SOURCE -Wall -Wextra
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
	-fno-sanitize-coverage=stack-depth -ftls-model=initial-exec
	-I$root/include -I$root/tests"

# fuzz_missing: what keeps the targets from being built here; nothing if nothing does.
fuzz_missing() {
	if ! command -v clang >/dev/null 2>&1; then
		echo 'clang is not installed'
	elif ! pkg-config --exists 'liburing >= 2.3' 2>/dev/null; then
		echo 'liburing 2.3 or newer is not installed'
	elif [ ! -f "$root/engine/switch/switch_$(uname -m).S" ]; then
		echo "rondo cannot switch contexts on $(uname -m)"
	elif ! echo 'int LLVMFuzzerTestOneInput(const char *p, long n) { return p && n < 0; }' |
		clang -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null; then
		echo "clang's fuzzer runtime is not installed"
	fi
}

# What there is to be measured and simulated, as lists of names for cli.c.
fuzz_commands() {
	for name in $(sed -n 's/.*, bench_\([a-z]*\) },$/\1/p' "$root/tools/bench/bench.c"); do
		benchmarks="${benchmarks:-}X($name)"
	done
	for name in $(grep -o '&workload_[a-z]*' "$root/tools/sim.c" | sed 's/.*_//'); do
		workloads="${workloads:-}X($name)"
	done
	echo "-DBENCHMARKS=$benchmarks -DWORKLOADS=$workloads"
}

# A program's own main and what it does to the world give way to the target's.
fuzz_flags_of() {
	case $1 in
	engine/random/*) echo "-I$root/engine -ffp-contract=off -fno-builtin" ;;
	engine/*) echo "-I$root/engine" ;;
	tools/rondo.c) echo "-I$root/tools -include fuzz/world.h -Dmain=fuzz_main" ;;
	tools/*) echo "-I$root/tools -include fuzz/world.h" ;;
	tests/fuzz/cli.c) echo "-I$root/tools $(fuzz_commands)" ;;
	esac
}

# fuzz_objects SOURCE...: where they are compiled to.
fuzz_objects() {
	for source; do
		echo "$out/objects/$(echo "$source" | tr '/' '_').o"
	done
}

# fuzz_compile SOURCE: unless the object is newer than all it is made of.
fuzz_compile() {
	object=$(fuzz_objects "$1")
	[ "$1" != tests/fuzz/cli.c ] && [ "$object" -nt "$root/$1" ] &&
		[ "$object" -nt "$out/newest-header" ] && return
	# shellcheck disable=SC2046,SC2086
	clang $fuzz_flags $(fuzz_flags_of "$1") -c -o "$object" "$root/$1"
}

# The time of the newest header, and of the flags in this file.
fuzz_newest_header() {
	find "$root/engine" "$root/include" "$root/tools" "$root/tests/fuzz" \
		\( -name '*.h' -o -name build.sh \) -printf '%T@ %p\n' |
		sort -n | tail -n 1 | cut -d' ' -f2-
}

# fuzz_compile_all SOURCE...: as many at once as there are processors.
fuzz_compile_all() {
	n_running=0
	: >"$out/failed"
	for source; do
		{ fuzz_compile "$source" || echo "$source" >>"$out/failed"; } &
		n_running=$((n_running + 1))
		[ $((n_running % $(nproc))) != 0 ] || wait
	done
	wait
	[ ! -s "$out/failed" ]
}

# fuzz_link TARGET SOURCE...
fuzz_link() {
	link_target=$1
	shift
	# shellcheck disable=SC2046
	clang -fsanitize=fuzzer,address,undefined -o "$out/$link_target" $(fuzz_objects "$@") \
		-luring -lpthread -lm
}

fuzz_build() {
	mkdir -p "$out/objects" || return
	touch -r "$(fuzz_newest_header)" "$out/newest-header"
	engine=$(cd "$root" && ls engine/*/*.c "engine/switch/switch_$(uname -m).S" |
		grep -vE '^engine/(tls/|stream/dns_cares)')
	tools='tools/rondo.c tools/cli.c tools/sim.c tools/echo.c tools/bench/bench.c'
	targets=$(cd "$root" && ls tests/fuzz/*.c)
	# shellcheck disable=SC2086
	fuzz_compile_all $engine $tools $targets || return
	for target in $fuzz_targets; do
		# TARGET.c and, if there are, TARGET_*.c.
		own=$(echo "$targets" | grep -E "/$target(_[a-z]*)?\.c$")
		[ "$target" != cli ] || own="$own $tools"
		# shellcheck disable=SC2086
		fuzz_link "$target" $own $engine || return
	done
}

# fuzz_run TARGET SECONDS FOLDER...: new inputs go to the first folder, all are read.
fuzz_run() {
	run_target=$1 run_seconds=$2
	shift 2
	length=1000
	dictionary=''
	[ ! -f "$root/tests/fuzz/$run_target.dict" ] ||
		dictionary=-dict=$root/tests/fuzz/$run_target.dict
	# A slow machine, or a neighbour's load, is no hang.
	# shellcheck disable=SC2086
	ASAN_OPTIONS=detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1 \
		nice "$out/$run_target" -seed="${fuzz_seed:-0}" -max_total_time="$run_seconds" -max_len=$length \
		-timeout=60 -rss_limit_mb=4096 -print_final_stats=1 -close_fd_mask=1 \
		${fuzz_jobs:+-fork=$fuzz_jobs} $dictionary \
		-artifact_prefix="${fuzz_crashes:-$1/}" "$@" </dev/null
}

# fuzz_speed LOG: how much was tried.
fuzz_speed() {
	awk '/^Done [0-9]+ runs in/ { n = $2; s = $5 }
		/^stat::number_of_executed_units:/ && !n { n = $2 }
		/^stat::average_exec_per_sec:/ { rate = $2 }
		/^#[0-9]+: cov:/ { n = substr($1, 2) + 0; rate = $9 }
		/cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
		END { if (!rate && s) rate = int(n / s)
			printf "%d runs, %d/s, %d branches reached\n", n, rate, cov }' "$1"
}

# fuzz_replay TARGET LOG: how to see it again.
fuzz_replay() {
	input=$(sed -n 's/.*Test unit written to //p' "$2" | tail -n 1)
	trace=''
	[ "$1" != program ] || trace='PROGRAM_TRACE=1 '
	[ -z "$input" ] || echo "    again: $trace$out/$1 $input"
}
