/* SPDX-License-Identifier: MIT */
/* child.h - faults of a whole process, in a child whose findings come back through shared memory:
 * how it gets its limits and filters, and struct finding. */
#ifndef RONDO_TESTS_FAULTS_CHILD_H
#define RONDO_TESTS_FAULTS_CHILD_H

#include "support/child.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

struct finding {
	int argument;
	int ret;
	char why[256];
	char value[96];
	atomic_int ready, go, done;	/* for tests that must act in the child's middle */
};

static inline struct finding *finding_new(int argument)
{
	struct finding *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(f != MAP_FAILED);
	f->argument = argument;
	f->ret = 12345;			/* as long as nobody has found anything */
	return f;
}

static inline void finding_free(struct finding *f)
{
	munmap(f, sizeof(*f));
}

struct search {
	void (*f)(struct finding *);
	struct finding *finding;
};

static inline int child_search(void *arg)
{
	const struct search *s = arg;

	s->f(s->finding);
	return 0;
}

static inline pid_t child_start(void (*f)(struct finding *), struct finding *finding)
{
	return child_fork(child_search, &(struct search){ f, finding });
}

static inline struct finding *in_child(void (*f)(struct finding *), int argument)
{
	struct finding *finding = finding_new(argument);

	assert_int_equal(child_end(child_start(f, finding)), 0);
	return finding;
}

/* Let a system call fail with an error from now on, as a container's profile does. */
static inline int child_deny(int number, int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

/* Become an ordinary user whom nobody else is, for limits are counted per user. */
static inline int child_be_ordinary(void)
{
	uid_t uid = 60000 + (uid_t)getpid() % 5000;

	if (getuid() != 0)
		return 0;
	return setgid((gid_t)uid) < 0 || setuid(uid) < 0 ? -errno : 0;
}

static inline int child_limit(int resource, rlim_t n)
{
	struct rlimit limit = { n, n };

	return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? -errno : 0;
}

/* Those of this process. */
static inline int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}
#endif
