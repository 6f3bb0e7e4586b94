#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - the test programs on older kernels than this machine's: Debian's 6.1 and 6.12, in qemu.
#
#     sh tests/kernels/run.sh [--kernel 6.1|6.12] [--list] [REGEX]
#
# rondo asks a kernel what it has and makes do with less. Here it meets kernels that do have less.
# REGEX selects tests by name (ctest's). RONDO_BUILD names a build folder whose test programs are to
# be used; without it they are built below build/kernels. One boot per kernel, with qemu's own
# translation because KVM is not to be had everywhere. One line per program, and last "N passed,
# N failed, N skipped"; all that was said is in build/kernels/VERSION.log, the kernel's own messages
# in VERSION.console.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
root=$(CDPATH='' cd -- "$here/../.." && pwd -P) || exit 1
out=$root/build/kernels
kernels='6.1 6.12' regex='' list=''
program_limit=120 boot_limit=900 # in seconds
n_passed=0 n_failed=0 n_skipped=0
. "$root/tools/pkg/install.sh"
. "$root/tools/pkg/build.sh"
. "$here/fetch.sh"
PATH=$PATH:/usr/sbin:/sbin

usage() {
	echo "rondo: $1: usage: run.sh [--kernel 6.1|6.12] [--list] [REGEX]" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--kernel)
		case ${2:-} in
		6.1 | 6.12) kernels=$2 ;;
		*) usage "--kernel ${2:-}" ;;
		esac
		shift
		;;
	--list) list=1 ;;
	-*) usage "$1" ;;
	*) [ -z "$regex" ] && regex=$1 || usage "$1" ;;
	esac
	shift
done

tell() {
	case $1 in
	ok) n_passed=$((n_passed + 1)) ;;
	FAIL) n_failed=$((n_failed + 1)) ;;
	skip) n_skipped=$((n_skipped + 1)) ;;
	esac
	printf '%-4s %s\n' "$@"
}

# What the guest is to run: a line "NAME FOLDER PROGRAM" each. FOLDER is where the program makes its
# files: on ext4, and if files are what it is about, once more in memory, where much is different.
programs() {
	for program in "$build"/tests/test_*; do
		program=${program##*/}
		name=$(echo "${program#test_}" | sed 's|_|/|')
		echo "$name /disk $program"
		case $name in
		io/file* | io/splice | tools/cp*) echo "$name@tmpfs /tmp $program" ;;
		esac
	done | REGEX=$regex awk '$1 ~ ENVIRON["REGEX"]'
}

# The shared libraries of all programs, with the loader, at the paths by which they are asked for.
libraries() {
	ldd "$build"/rondo "$build"/tests/test_* 2>/dev/null |
		sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-[^ ]*\) (.*/\1/p' |
		sort -u
}

# The guest's files, the same for every kernel.
guest_files() {
	rm -rf "$out/guest"
	mkdir -p "$out/guest/bin" "$out/guest/build/tests" "$out/guest/source" "$out/guest/etc"
	cp "$out/busybox/bin/busybox" "$out/guest/bin/"
	cp "$here/init.sh" "$out/guest/init"
	chmod 755 "$out/guest/init"
	echo "$kernel_modules" >"$out/guest/modules"
	echo $program_limit >"$out/guest/limit"
	echo 'root:x:0:0::/:/bin/sh' >"$out/guest/etc/passwd"
	cp "$out/list" "$out/guest/list"
	cut -d ' ' -f 3 "$out/list" | sort -u | while read -r program; do
		cp "$build/tests/$program" "$out/guest/build/tests/"
	done
	find "$build" -maxdepth 1 -type f -perm -u+x \( -name rondo -o -name 'example_*' \) \
		-exec cp {} "$out/guest/build/" \;
	cp -R "$root/tools" "$out/guest/source/"
	mkdir -p "$out/guest/source/tests"
	cp -R "$root/tests/tools" "$out/guest/source/tests/"
	for file in $(libraries); do
		mkdir -p "$out/guest${file%/*}"
		cp -L "$file" "$out/guest$file"
	done
	[ ! -f "$build/librondo.so" ] || cp -P "$build"/librondo.so* "$out/guest/build/"
}

# An archive of a folder, as the kernel unpacks it into memory when it starts.
archive() {
	(cd "$1" && find . | "$out/busybox/bin/busybox" cpio -o -H newc -R 0:0)
}

# boot VERSION: what the guest says is on standard output.
boot() {
	: >"$out/$1.console"
	rm -f "$out/disk"
	truncate -s 1G "$out/disk"
	mke2fs -q -t ext4 "$out/disk" || return
	# A kernel takes several archives in a row for one. Mitigations cost a lot without hardware.
	{ archive "$out/guest" && archive "$out/$1"; } >"$out/initrd" 2>"$out/cpio.log" || return
	timeout $boot_limit qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 \
		-pidfile "$out/qemu.pid" -nodefaults -no-user-config -display none -no-reboot \
		-kernel "$out/$1"/boot/vmlinuz-* \
		-initrd "$out/initrd" -drive "file=$out/disk,format=raw,if=virtio,cache=unsafe" \
		-serial "file:$out/$1.console" -serial stdio \
		-append "console=ttyS0 loglevel=5 panic=-1 oops=panic mitigations=off tsc=reliable" </dev/null
}

# What was left out of a program that passed, and why, in cmocka's words.
skips_of() {
	awk '/^\[ RUN / { running = 1; why = "no reason given" }
		/^\[  SKIPPED \]/ && running { print $4 ": " why }
		/^\[ +(OK|FAILED|ERROR|SKIPPED) +\]/ { running = 0 }
		!/^\[/ && NF { why = $0 }' "$1"
}

# ended NAME STATUS SECONDS: of the program whose output is in $out/output.
ended() {
	case $2 in
	0)
		tell ok "$1 $3 s"
		skips_of "$out/output" >"$out/skips"
		while IFS= read -r why; do
			tell skip "$1: $why"
		done <"$out/skips"
		return
		;;
	77) tell skip "$1: $(grep -av '^\[' "$out/output" | tail -n 1)" && return ;;
	kernel) tell FAIL "$1 the kernel complained; $3 s" ;;
	137) tell FAIL "$1 killed after $3 s" ;;
	*) tell FAIL "$1 exit $2 after $3 s" ;;
	esac
	grep -av '^\[ *\(RUN\|OK\|=*\|PASSED\) *\]' "$out/output" | tail -n 60 | sed 's/^/    /'
}

# Read what the guest says, and tell of each program as it ends.
watch() {
	running=boot over=''
	while IFS= read -r line; do
		case $line in
		'	'*) echo "${line#?}" >>"$out/output" ;;
		begin\ *) running=${line#begin } && : >"$out/output" ;;
		end\ *)
			line=${line#end } && name=${line%% *} && line=${line#* }
			ended "$version $name" "${line% *}" "${line#* }"
			echo "$name" >>"$out/ended"
			;;
		done) over=1 ;;
		*) echo "$line" ;;
		esac
	done
	[ -n "$over" ] || stopped
}

# The machine was gone before all programs had run.
stopped() {
	tell FAIL "$version $running the machine stopped; its last words:"
	tail -n 40 "$out/$version.console" | tr -d '\r' | sed 's/^/    /'
	echo "$running" >>"$out/ended"
	cut -d ' ' -f 1 "$out/list" | grep -vxFf "$out/ended" >"$out/left"
	while read -r name; do
		tell FAIL "$version $name not run"
	done <"$out/left"
}

test_kernel() {
	version=$1
	if ! fetch "$1" >"$out/fetch.log" 2>&1; then
		tell FAIL "$1 could not be fetched: $(tail -n 1 "$out/fetch.log")"
		return
	fi
	guest_files
	rm -f "$out/said" "$out/ended"
	mkfifo "$out/said"
	boot "$1" 2>&1 | tee "$out/$1.log" >"$out/said" &
	watch <"$out/said"
	wait
}

# The programs to run: those of a build that somebody names, or one of our own.
find_build() {
	build=${RONDO_BUILD:-}
	if [ -n "$build" ]; then
		[ -x "$build/rondo" ] && return
		echo "rondo: RONDO_BUILD: no build of rondo in $build" >&2
		return 1
	fi
	build=$out/build
	need "$out/install.log" cc cxx cmake make pkgconf uring cmocka || return
	{ configure "$root" "$build" release && cmake --build "$build" --parallel "$(nproc)"; } \
		>"$out/build.log" 2>&1 && return
	echo "rondo: build: it failed, see $out/build.log" >&2
	return 1
}

# Why there can be no virtual machine here; nothing if there can.
obstacle() {
	if [ "$(uname -m)" != x86_64 ]; then
		echo 'the kernels and the programs are for x86_64'
	elif ! command -v apt-get >/dev/null || [ -z "$(debian_mirror)" ]; then
		echo "the kernels are Debian's, and this machine knows no mirror of it"
	elif ! need "$out/install.log" vm 2>"$out/need.log"; then
		tail -n 1 "$out/need.log"
	fi
}

mkdir -p "$out" || exit 1
# qemu takes its file away when it ends.
trap '[ ! -f "$out/qemu.pid" ] || kill "$(cat "$out/qemu.pid")"' EXIT
trap 'exit 1' HUP INT TERM
find_build || exit 1
programs >"$out/list"
if [ ! -s "$out/list" ]; then
	echo "rondo: $regex: no such test" >&2
	exit 1
elif [ -n "$list" ]; then
	cut -d ' ' -f 1 "$out/list"
	exit
fi
why_not=$(obstacle)
for kernel in $kernels; do
	if [ -n "$why_not" ]; then
		tell skip "$kernel: $why_not"
	else
		test_kernel "$kernel"
	fi
done
echo "$n_passed passed, $n_failed failed, $n_skipped skipped"
[ $n_failed = 0 ]
