# SPDX-License-Identifier: MIT
# install.sh - sourced by tools/run.sh and tests/run.sh: find out what is missing, and install it.
#
# What is missing is decided by trying it, never by asking the package manager: a compiler from
# /opt is as good as a packaged one, and trying takes milliseconds where asking takes seconds.
# Lists of things and packages are split on spaces, so paths never travel in them.

# package_of MANAGER THING: the packages that bring it; nothing where the manager has none.
package_of() {
	case $1:$2 in
	apt-get:cc) echo gcc libc6-dev ;;
	apk:cc) echo gcc musl-dev linux-headers ;;
	pacman:cc | pacman:cxx) echo gcc ;;
	*:cc) echo gcc glibc-devel ;;
	apt-get:cxx | apk:cxx) echo g++ ;;
	*:cxx) echo gcc-c++ ;;
	apt-get:pkgconf | zypper:pkgconf) echo pkg-config ;;
	dnf:pkgconf) echo pkgconf-pkg-config ;;
	apt-get:uring | apk:uring) echo liburing-dev ;;
	pacman:uring) echo liburing ;;
	*:uring) echo liburing-devel ;;
	apt-get:cmocka) echo libcmocka-dev ;;
	dnf:cmocka | zypper:cmocka) echo libcmocka-devel ;;
	apk:cmocka) echo cmocka-dev ;;
	apt-get:openssl) echo libssl-dev openssl ;;
	dnf:openssl) echo openssl-devel openssl ;;
	zypper:openssl) echo libopenssl-3-devel openssl ;;
	apk:openssl) echo openssl-dev openssl ;;
	apt-get:cares) echo libc-ares-dev ;;
	pacman:cares) echo c-ares ;;
	apk:cares) echo c-ares-dev ;;
	dnf:cares | zypper:cares) echo c-ares-devel ;;
	apt-get:dnsmasq) echo dnsmasq-base ;;
	pacman:python3) echo python ;;
	dnf:gccsan) echo libasan libubsan ;;
	zypper:gccsan) echo libasan8 libubsan1 ;;
	*:gccsan) ;;
	apt-get:clangrt) echo libclang-rt-dev llvm ;;
	zypper:clangrt) echo llvm ;;
	*:clangrt) echo compiler-rt llvm ;;
	dnf:valgrind | zypper:valgrind) echo valgrind valgrind-devel ;;
	apk:valgrind) echo valgrind valgrind-dev ;;
	apt-get:cross) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross ;;
	dnf:cross) echo gcc-aarch64-linux-gnu ;;
	pacman:cross) echo aarch64-linux-gnu-gcc ;;
	*:cross) ;;
	pacman:nc) echo openbsd-netcat ;;
	dnf:nc) echo nmap-ncat ;;
	*:nc) echo netcat-openbsd ;;
	dnf:wrk | zypper:wrk) ;;
	zypper:qemu) echo qemu-linux-user ;;
	apk:qemu) echo qemu-aarch64 ;;
	*:qemu) echo qemu-user ;;
	apt-get:vm) echo qemu-system-x86 e2fsprogs ;; # with Debian's kernels, so of use there alone
	*:vm) ;;
	apk:setpriv) echo setpriv util-linux-misc ;;
	*:setpriv) echo util-linux ;;
	*) echo "$2" ;;
	esac
}

# packages MANAGER THING...: the packages of them all, in one line.
packages() {
	for_manager=$1
	shift
	for thing; do
		package_of "$for_manager" "$thing"
	done | tr '\n' ' '
}

# Does a program compile with these arguments? Reads it from standard input.
compiles() {
	"$@" -x c -o /dev/null - 2>/dev/null
}

links() {
	echo 'int main(void) { return 0; }' | compiles "$@"
}

have() {
	case $1 in
	cc) echo '#include <stdio.h>' | compiles "$(c_compiler)" -c ;;
	cxx) command -v g++ ;;
	make) command -v ninja || command -v make ;;
	pkgconf) command -v pkg-config ;;
	uring) pkg-config --exists 'liburing >= 2.3' ;;
	cmocka) pkg-config --exists cmocka ;;
	openssl) pkg-config --exists 'openssl >= 3.0' && command -v openssl ;;
	binutils) command -v readelf && command -v nm ;;
	gccsan) links gcc -fsanitize=address,undefined ;;
	clangrt)
		# Without the symbolizer a report names no function.
		links clang -fsanitize=thread && links clang -fsanitize=address,undefined &&
			command -v llvm-symbolizer
		;;
	valgrind) command -v valgrind && echo '#include <valgrind/memcheck.h>' | compiles gcc -c ;;
	cares) pkg-config --exists 'libcares >= 1.18' ;;
	dnsmasq) PATH=$PATH:/usr/sbin:/sbin command -v dnsmasq ;;
	cross) links aarch64-linux-gnu-gcc -static ;;
	qemu) command -v qemu-aarch64 ;;
	vm) command -v qemu-system-x86_64 && PATH=$PATH:/usr/sbin:/sbin command -v mke2fs ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}

c_compiler() {
	command -v "${CC:-cc}" || command -v gcc || command -v clang || echo cc
}

# missing THING...: print those that are not there.
missing() {
	for thing; do
		have "$thing" || printf '%s ' "$thing"
	done
}

package_manager() {
	for manager in apt-get dnf pacman zypper apk; do
		command -v "$manager" >/dev/null 2>&1 && echo "$manager" && return
	done
	return 1
}

# The command line that installs, without its packages.
install_command() {
	case $1 in
	apt-get) echo 'apt-get install -y --no-install-recommends' ;;
	dnf) echo 'dnf install -y' ;;
	pacman) echo 'pacman -S --needed --noconfirm' ;;
	zypper) echo 'zypper --non-interactive install --no-recommends' ;;
	apk) echo 'apk add' ;;
	esac
}

refresh_command() {
	case $1 in
	apt-get) echo 'apt-get update' ;;
	dnf) echo 'dnf makecache' ;;
	pacman) echo 'pacman -Sy' ;;
	zypper) echo 'zypper --non-interactive refresh' ;;
	apk) echo 'apk update' ;;
	esac
}

# Find out once how to become root: sudo where it asks nothing or where someone can answer it.
find_root() {
	if [ "$(id -u)" = 0 ]; then
		root_by='env'
	elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
		root_by='sudo env'
	else
		return 1
	fi
}

# install_things LOG THING...: install them, or return 1. Says on stderr what it installs.
install_things() {
	install_log=$1
	shift
	manager=$(package_manager) || return 1
	names=$(packages "$manager" "$@")
	[ -n "$names" ] || return 1
	waiting=''
	[ "$manager" != apt-get ] || waiting='-o DPkg::Lock::Timeout=300' # another may be installing
	echo "rondo: installing ${names% }" >&2
	# C.UTF-8 is in libc itself: a bare system has no locale, and dpkg would complain about it.
	# shellcheck disable=SC2086
	set -- $root_by DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
	# shellcheck disable=SC2046,SC2086
	{
		# A machine without package lists (a container, a fresh chroot) finds nothing
		# at first, and one with old lists finds what its mirror no longer has.
		"$@" $(install_command "$manager") $waiting $names || {
			"$@" $(refresh_command "$manager") $waiting
			"$@" $(install_command "$manager") $waiting $names
		}
	} >>"$install_log" 2>&1 </dev/null
}

# need LOG THING...: make sure that they are there, or say in one line what to do, and return 1.
need() {
	need_log=$1
	shift
	needed=$(missing "$@")
	[ -n "$needed" ] || return 0
	if ! manager=$(package_manager); then
		remedy='no package manager known here; install them by hand'
	else
		# shellcheck disable=SC2086
		remedy="as root run: $(install_command "$manager") $(packages "$manager" $needed)"
		if ! find_root; then
			remedy="not root, and sudo is of no use; $remedy"
		else
			# shellcheck disable=SC2086
			install_things "$need_log" $needed
			# shellcheck disable=SC2086
			needed=$(missing $needed)
			[ -n "$needed" ] || return 0
			remedy="could not install, see $need_log; $remedy"
		fi
	fi
	echo "rondo: missing ${needed% }: ${remedy% }" >&2
	return 1
}
