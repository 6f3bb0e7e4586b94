/* SPDX-License-Identifier: MIT */
/* children.h - what tests of child processes share. Each ends with no descriptor and no child left. */
#ifndef RONDO_TESTS_CHILDREN_H
#define RONDO_TESTS_CHILDREN_H

#include "support/matrix.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "rondo/file.h"
#include "rondo/process.h"
#include "rondo/stream.h"
#include "support/child.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Not even a zombie. */
static inline bool is_childless(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

static inline void run_ok(rondo_fn *main_fn, void *arg)
{
	int ret, n_fds = count_fds();

	ret = rondo_run(main_fn, arg);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_true(is_childless());
	assert_int_equal(count_fds(), n_fds);
}

/* What a shell command prints and returns; at most size - 1 bytes of it. */
static inline int outcome(const struct rondo_process_options *o, char *out, size_t size)
{
	struct rondo_process_result result;
	int ret = rondo_process_run(o, NULL, 0, &result);

	if (ret < 0)
		return ret;
	snprintf(out, size, "%s%s", result.out ? result.out : "", result.err ? result.err : "");
	rondo_process_result_free(&result);
	return result.returncode;
}
#endif
