/* SPDX-License-Identifier: MIT */
/* refusal.c - say why no ring could be made, and what to do about it. See probe.h.
 *
 * io_uring_setup has one number for several causes: EPERM is the sysctl, a seccomp filter or a
 * security module. Each leaves a trace that the process may read itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ring/probe.h"

enum {
	SECCOMP_FILTER = 2,		/* in /proc/self/status; 1 is the strict mode of old */
	CAP_IPC_LOCK_ = 14,
	CAP_SYS_ADMIN_ = 21,
	MEMLOCK_ADVISED_KIB = 8192,	/* today's usual default, and plenty */
	GROUPS_MAX = 256,
};

/* Read the start of a small file as a string; false if it cannot be read. */
static bool slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	buf[n] = '\0';
	return true;
}

static int sysctl_number(const char *path)
{
	char buf[32];

	return slurp(path, buf, sizeof(buf)) ? atoi(buf) : -1;
}

/* A field of /proc/self/status, 0 if it is not there. */
static uint64_t status_field(const char *status, const char *name, int base)
{
	const char *p = strstr(status, name);

	return p ? strtoull(p + strlen(name), NULL, base) : 0;
}

static bool in_group(int group)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);

	if (group < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (groups[i] == (gid_t)group)
			return true;
	return getegid() == (gid_t)group;
}

static uint64_t limit_of(int resource)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

void rondo__limits_look(struct limits *l)
{
	const struct kernel *k = &rondo__kernel_linux;
	char status[4096] = "";
	struct utsname name;
	uint64_t capabilities;

	slurp("/proc/self/status", status, sizeof(status));
	capabilities = status_field(status, "\nCapEff:", 16);
	*l = (struct limits){
		.setup_answer = (int)kernel_call2(k, SYS_io_uring_setup, 0, NULL),
		.disabled = sysctl_number("/proc/sys/kernel/io_uring_disabled"),
		.group = sysctl_number("/proc/sys/kernel/io_uring_group"),
		.filtered = status_field(status, "\nSeccomp:", 10) == SECCOMP_FILTER,
		.locks_freely = capabilities >> CAP_IPC_LOCK_ & 1,
		.memlock_bytes = limit_of(RLIMIT_MEMLOCK),
		.n_files = limit_of(RLIMIT_NOFILE),
		.n_maps = sysctl_number("/proc/sys/vm/max_map_count"),
	};
	l->is_admin = (capabilities >> CAP_SYS_ADMIN_ & 1) || in_group(l->group);
	if (uname(&name) < 0)
		return;
	snprintf(l->release, sizeof(l->release), "%s", name.release);
	snprintf(l->machine, sizeof(l->machine), "%s", name.machine);
}

struct text {
	char *buf;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int say(struct text t, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(t.buf, t.size, format, arguments);
	va_end(arguments);
	return n;
}

static int sysctl_says_no(const struct limits *l, struct text t)
{
	if (l->disabled == 2)
		return say(t, "kernel.io_uring_disabled is 2, so nobody may use io_uring; as root: "
			   "sysctl kernel.io_uring_disabled=0");
	if (l->group < 0)
		return say(t, "kernel.io_uring_disabled is 1, so only root may use io_uring; "
			   "as root: sysctl kernel.io_uring_disabled=0, or set "
			   "kernel.io_uring_group to a group of this user");
	return say(t, "kernel.io_uring_disabled is 1, so only root and group %d "
		   "(kernel.io_uring_group) may use io_uring; join that group, or as root: "
		   "sysctl kernel.io_uring_disabled=0", l->group);
}

static int filter_says_no(const char *error, struct text t)
{
	return say(t, "a seccomp filter denies io_uring_setup (%s), as container profiles do; "
		   "allow io_uring_setup, _enter and _register in it (docker: --security-opt "
		   "seccomp=PROFILE)", error);
}

static int not_permitted(const struct limits *l, struct text t)
{
	/* A capability in a container's user namespace does not count, so without a filter the
	 * sysctl is to blame even if the process looks privileged. */
	if (l->disabled == 2 || (l->disabled == 1 && !(l->is_admin && l->filtered)))
		return sysctl_says_no(l, t);
	if (l->filtered)
		return filter_says_no("EPERM", t);
	return say(t, "a security module denies it (neither seccomp nor kernel.io_uring_disabled "
		   "is in the way); look for SELinux or AppArmor denials in the kernel log");
}

static int not_there(const struct limits *l, struct text t)
{
	if (l->setup_answer != -ENOSYS)
		return say(t, "kernel %s is too old; 5.19 or newer is needed, 6.1 or newer for "
			   "full speed", l->release);
	if (l->filtered)
		return filter_says_no("ENOSYS", t);
	return say(t, "kernel %s has no io_uring; 5.19 or newer, built with CONFIG_IO_URING, is "
		   "needed", l->release);
}

static int no_memory(const struct limits *l, struct text t)
{
	unsigned long long kib = l->memlock_bytes >> 10;
	unsigned long long advised = kib >= MEMLOCK_ADVISED_KIB ? kib * 2 : MEMLOCK_ADVISED_KIB;

	if (l->locks_freely || l->memlock_bytes == UINT64_MAX)
		return say(t, "no memory for a ring; RLIMIT_MEMLOCK is not the cause, so look at "
			   "the memory cgroup and at RLIMIT_AS (`ulimit -v`)");
	return say(t, "RLIMIT_MEMLOCK is %llu KiB, and rings of all of this user's processes "
		   "count; raise it: `ulimit -l %llu`, limits.conf, or LimitMEMLOCK= in a unit",
		   kib, advised);
}

static int no_descriptor(const struct limits *l, struct text t)
{
	unsigned long long n = l->n_files;

	return say(t, "no file descriptor is left: RLIMIT_NOFILE is %llu; raise it: "
		   "`ulimit -n %llu`", n, 2 * n);
}

int rondo__refusal_explain(const struct limits *l, int error, char *why, size_t size)
{
	struct text t = { why, size };

	switch (error < 0 ? error : -error) {
	case -EPERM:
	case -EACCES:
		return not_permitted(l, t);
	case -ENOSYS:
		return not_there(l, t);
	case -ENOMEM:
		return no_memory(l, t);
	case -EMFILE:
		return no_descriptor(l, t);
	case -ENFILE:
		return say(t, "the system's table of open files is full, which `ulimit -n` does "
			   "not help; as root raise sysctl fs.file-max");
	default:
		return say(t, "%s", rondo_strerror(error));
	}
}

int rondo_probe_explain(int error, char *why, size_t size)
{
	struct limits l;

	rondo__limits_look(&l);
	return rondo__refusal_explain(&l, error, why, size);
}
