#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# init.sh - process 1 of the virtual machine: runs the programs in /list, tells all, switches off.
#
# What it says goes to the second serial line, where no message of the kernel comes between:
# "begin NAME", the program's output indented by a tab, "end NAME STATUS SECONDS"; last "done". A
# program's output is sent when the program has ended, because a serial line is slow, and would
# change how fast the program runs.

report=/dev/ttyS1

set_up() {
	/bin/busybox --install -s /bin
	mkdir -p /proc /sys /dev /tmp /disk
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t devtmpfs dev /dev
	mount -t tmpfs -o mode=1777 tmp /tmp
	mkdir -p /dev/pts /dev/shm
	mount -t devpts pts /dev/pts
	mount -t tmpfs shm /dev/shm
	stty -F $report raw
	ip link set lo up
	# The limits that a login has.
	ulimit -H -n 20000
	ulimit -S -n 1024
	ulimit -l 8192
}

# A real file system beside the one in memory: the disk that the virtual machine comes with.
mount_disk() {
	for module in $(cat /modules); do
		file=$(find /lib/modules -name "$module.ko")
		[ -z "$file" ] || insmod "$file" || echo "module $module does not load"
	done
	mount -t ext4 /dev/vda /disk || return
	chmod 1777 /disk
}

# What the kernel said of itself that it never should.
complaints() {
	dmesg -c |
		grep -E 'WARNING:|BUG:|Oops|Call Trace|general protection|blocked for more|UBSAN:'
}

# Where a program that does not end stands, with its threads and the kernel's workers for it.
where_it_stands() {
	echo "it did not end in $limit s:"
	for thread in /proc/[0-9]*/task/*; do
		read -r first <"$thread/stack" 2>/dev/null || continue
		[ "$(cat "$thread/cmdline" 2>/dev/null | wc -c)" -gt 0 ] || continue
		echo "$thread $(cat "$thread/comm") $(cat "$thread/syscall")"
		cat "$thread/stack"
	done
}

# end_at_limit PID: looked at every second, so that not much is left behind when it is not needed.
end_at_limit() {
	i=0
	while [ $i -lt "$limit" ]; do
		sleep 1
		i=$((i + 1))
	done
	where_it_stands >>/output 2>&1
	kill -KILL "$1"
}

run() {
	echo "begin $1"
	read -r start rest </proc/uptime
	TMPDIR=$2 "/build/tests/$3" >/output 2>&1 </dev/null &
	program=$!
	end_at_limit $program 2>/dev/null &
	watchdog=$!
	wait $program
	status=$?
	kill $watchdog
	read -r end rest </proc/uptime
	sed 's/^/	/' /output
	if complaints >/output; then
		sed 's/^/	the kernel: /' /output
		status=kernel
	fi
	echo "end $1 $status $(echo "$end $start" | awk '{ printf "%.1f", $1 - $2 }')"
}

export PATH=/bin HOME=/tmp
set_up
exec >$report 2>&1
echo "kernel $(uname -r)"
if mount_disk; then
	export LD_LIBRARY_PATH=/build RONDO=/build/rondo RONDO_BUILD=/build RONDO_SOURCE=/source
	export RONDO_TESTS_SLOW=1
	cd /tmp
	dmesg -c >/dev/null
	limit=$(cat /limit)
	while read -r name folder program; do
		run "$name" "$folder" "$program"
	done </list
	echo done
else
	echo 'no disk'
fi
exec >/dev/null 2>&1 # to close a serial line is to wait until all has left it
poweroff -f
