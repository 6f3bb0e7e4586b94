#!/bin/sh
# SPDX-License-Identifier: MIT
# test_packages.sh - what tools/run.sh asks of a machine's package manager where everything is missing.
#
#     test_packages.sh SOURCE
#
# Each case runs a copy of it with a PATH of its own: the few programs that a shell script needs, and
# package managers that note how they were called and bring nothing.
set -u

source=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
calls=$work/calls said=$work/said
n_failed=0

# fake NAME <SCRIPT: a program of this machine.
fake() {
	{
		echo '#!/bin/sh'
		cat
	} >"$work/bin/$1"
	chmod +x "$work/bin/$1"
}

# machine UID MANAGER...: nothing is installed, and this user is at work.
machine() {
	uid=$1
	shift
	rm -rf "$work/bin" "$work/tree" "$calls" "$work/refreshed"
	mkdir -p "$work/bin" "$work/tree"
	: >"$calls"
	for tool in sh dirname tr sed env mkdir rm cat tail grep uname true; do
		ln -s "$(command -v "$tool")" "$work/bin/$tool"
	done
	[ -x "$work/bin/true" ] || ln -sf /bin/true "$work/bin/true" # command -v knows a builtin
	cp -R "$source/tools" "$work/tree/"
	echo "echo $uid" | fake id
	# As on a fresh machine, nothing is found before the lists have been fetched.
	for manager; do
		fake "$manager" <<-EOF
			echo "$manager \$*" >>"$calls"
			case "\$*" in
			update* | makecache* | -Sy* | *refresh*) : >"$work/refreshed" ;;
			esac
			[ -e "$work/refreshed" ]
		EOF
	done
}

# run WANTED-STATUS: tools/run.sh, from another folder.
run() {
	(cd / && PATH=$work/bin sh "$work/tree/tools/run.sh" --version) >"$said" 2>&1 </dev/null
	status=$?
	[ $status = "$1" ] || wrong "exit $status instead of $1"
}

wrong() {
	n_failed=$((n_failed + 1))
	printf '%s: %s; it said:\n%s\nand called:\n%s\n' "$name" "$1" "$(cat "$said")" "$(cat "$calls")"
}

# called LINE...: exactly these calls were made.
called() {
	: >"$work/wanted"
	for line; do
		echo "$line" >>"$work/wanted"
	done
	cmp -s "$work/wanted" "$calls" || wrong "expected the calls $(cat "$work/wanted")"
}

# says PATTERN: the last line it said.
says() {
	tail -n 1 "$said" | grep -q -- "$1" || wrong "expected a last line like $1"
}

# brings MANAGER INSTALL REFRESH PACKAGES: what root is done for.
brings() {
	name=$1
	machine 0 "$1"
	run 1
	called "$1 $2 $4" "$1 $3" "$1 $2 $4"
	says "^rondo: missing .*: could not install, see .*; as root run: $1 ${2%% -o*} "
}

wait_for_lock='-o DPkg::Lock::Timeout=300'
debian='gcc libc6-dev cmake make pkg-config liburing-dev'
brings apt-get "install -y --no-install-recommends $wait_for_lock" "update $wait_for_lock" "$debian"
brings dnf 'install -y' makecache 'gcc glibc-devel cmake make pkgconf-pkg-config liburing-devel'
brings pacman '-S --needed --noconfirm' -Sy 'gcc cmake make pkgconf liburing'
brings zypper '--non-interactive install --no-recommends' '--non-interactive refresh' \
	'gcc glibc-devel cmake make pkg-config liburing-devel'
brings apk add update 'gcc musl-dev linux-headers cmake make pkgconf liburing-dev'

name='an ordinary user without sudo'
machine 1000 apt-get
run 1
called
says "^rondo: missing cc cmake make pkgconf uring: not root, and sudo is of no use; as root run: apt-get install .* $debian\$"
[ "$(wc -l <"$said")" = 1 ] || wrong 'expected one line'

name='an ordinary user whose sudo asks for a password'
machine 1000 dnf
echo 'exit 1' | fake sudo
run 1
called
says 'not root, and sudo is of no use'

name='an ordinary user with sudo'
machine 1000 apk
echo 'if [ "$1" = -n ]; then shift; else echo sudo >>'"$calls"'; fi; exec "$@"' | fake sudo
run 1
packages='gcc musl-dev linux-headers cmake make pkgconf liburing-dev'
called sudo "apk add $packages" sudo 'apk update' sudo "apk add $packages"

name='no package manager'
machine 0
run 1
called
says '^rondo: missing .*: no package manager known here; install them by hand$'

name='a tree that cannot be written'
machine 0
: >"$work/tree/build"
run 1
says '^rondo: .*/build: cannot be written$'

[ $n_failed = 0 ]
