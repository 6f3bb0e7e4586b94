/* SPDX-License-Identifier: MIT */
/* flush.c - linked into the programs that measure coverage, by --wrap: a child that ends without the
 * runtime's leave, as most children of tests do, has its counts written all the same. One that may
 * not write them, being another user or limited, says nothing of it: tests compare what is said. */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

void __real___gcov_dump(void);
void __wrap___gcov_dump(void);
void rondo_before_flush(void) __attribute__((weak));	/* of a program that lets calls fail */
_Noreturn void __real__exit(int status);
_Noreturn void __real_abort(void);
_Noreturn void __wrap__exit(int status);
_Noreturn void __wrap_abort(void);

/* A file cut off by a limit would be the end of all counts in it. */
static int may_write_files(void)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit now;

	return (getrlimit(RLIMIT_FSIZE, &now) == 0 && now.rlim_cur == RLIM_INFINITY) ||
	       setrlimit(RLIMIT_FSIZE, &none) == 0;
}

/* Called by the runtime itself before an exec. */
void __wrap___gcov_dump(void)
{
	int old_stderr, nowhere;

	if (rondo_before_flush)
		rondo_before_flush();
	old_stderr = dup(STDERR_FILENO);
	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (old_stderr >= 0 && nowhere >= 0 && may_write_files()) {
		dup2(nowhere, STDERR_FILENO);
		__real___gcov_dump();
		dup2(old_stderr, STDERR_FILENO);
	}
	close(nowhere);
	close(old_stderr);
}

/* Before the runtime's own, which then finds nothing to do. */
__attribute__((destructor)) static void flush_at_exit(void)
{
	__wrap___gcov_dump();
}

void __wrap__exit(int status)
{
	__wrap___gcov_dump();
	__real__exit(status);
}

void __wrap_abort(void)
{
	__wrap___gcov_dump();
	__real_abort();
}
