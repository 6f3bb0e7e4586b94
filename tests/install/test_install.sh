#!/bin/sh
# SPDX-License-Identifier: MIT
# test_install.sh SOURCE BUILD CC - what is installed must serve programs outside the tree.
#
# Installs into a temporary prefix, moves that, and builds a C and a C++ program against it by
# pkg-config and by find_package, each static and shared, and runs them: the move shows that no path
# of the build is left in rondo.pc and the cmake package. The same with rondo_tls, where it was built.
set -eu

source=$1 build=$2 cc=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $cc in
*clang*) cxx=clang++ ;;
*) cxx=g++ ;;
esac

fail() {
	echo "install: $*" >&2
	exit 1
}

# Show what a build says only if it fails.
quietly() {
	"$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		fail "$1 failed"
	}
}

installed() {
	for file in bin/rondo include/rondo.h include/rondo/base.h lib/librondo.a lib/librondo.so \
		lib/pkgconfig/rondo.pc lib/cmake/rondo/rondo-config.cmake; do
		[ -e "$prefix/$file" ] || fail "$file is not installed"
	done
	if grep -rIF -e "$work/first" -e "$source" -e "$build" "$prefix/lib"; then
		fail 'a path of the build is left'
	fi
	readelf -d "$prefix/lib/librondo.so" | grep -q 'SONAME.*\[librondo.so.0\]' ||
		fail 'wrong soname'
	version=$(pkg-config --modversion rondo)
	[ "$("$prefix/bin/rondo" --version)" = "rondo $version" ] ||
		fail 'the program and rondo.pc tell different versions'
}

# check PROGRAM WANTED: it prints what it should, and is linked the way it was asked to be.
check() {
	[ "$(LD_LIBRARY_PATH=$prefix/lib "$1")" = 'slept 1 ms' ] || fail "$1: wrong output"
	linked=static
	! readelf -d "$1" | grep -q 'NEEDED.*librondo.so.0' || linked=shared
	[ $linked = "$2" ] || fail "$1: linked $linked"
	echo "works: ${1#"$work/"}"
}

# by_pkg_config KIND COMPILER FILE PACKAGE: pkg-config quotes a space as the shell would, hence eval.
by_pkg_config() {
	flags=$(pkg-config --cflags "$4")
	if [ "$1" = static ]; then
		libs=$(pkg-config --libs --static "$4" |
			sed 's/-l\(rondo_tls\|rondo\)\>/-l:lib\1.a/g')
	else
		libs=$(pkg-config --libs "$4")
	fi
	program=$work/pkg-config-$1-$3
	eval "quietly $2 -Wall -Werror $flags" '"$source/tests/install/$3" -o "$program"' "$libs"
	check "$program" "$1"
}

by_find_package() {
	quietly cmake -S "$source/tests/install" -B "$work/$1" -DKIND="$1" \
		-DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER=$cxx
	quietly cmake --build "$work/$1"
	check "$work/$1/outside_c" "$1"
	check "$work/$1/outside_cpp" "$1"
	[ $tls = no ] || check "$work/$1/outside_tls" "$1"
}

prefix="$work/prefix with space"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
quietly cmake --install "$build" --prefix "$work/first"
mv "$work/first" "$prefix"
installed
tls=no
[ ! -e "$build/librondo_tls.so" ] || tls=yes
for kind in shared static; do
	by_pkg_config $kind "$cc" outside.c rondo
	by_pkg_config $kind $cxx outside.cpp rondo
	[ $tls = no ] || by_pkg_config $kind "$cc" outside_tls.c rondo_tls
	by_find_package $kind
done
