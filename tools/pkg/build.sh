# SPDX-License-Identifier: MIT
# build.sh - sourced by tools/run.sh and tests/run.sh: when to configure a build folder, and how.

# cmake itself would take make even where there is only ninja.
if command -v ninja >/dev/null 2>&1; then
	export CMAKE_GENERATOR=Ninja
fi

# A build folder made in another place (the clone was moved, or copied with its build) is of no use.
configured() {
	{ [ -f "$2/build.ninja" ] || [ -f "$2/Makefile" ]; } &&
		grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$1" "$2/CMakeCache.txt" 2>/dev/null
}

# configure SOURCE BUILD PRESET [ARGS...]: afterwards the build reconfigures itself when it must.
configure() {
	source=$1 build=$2 preset=$3
	shift 3
	configured "$source" "$build" && return
	rm -rf "$build"
	# cmake looks for the presets in the current folder.
	(cd "$source" && cmake --preset "$preset" -B "$build" "$@")
}
