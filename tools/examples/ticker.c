/* SPDX-License-Identifier: MIT */
/* ticker.c - a little cron: each command at its interval, by the time it was due, so that nothing
 * drifts; one that takes too long misses turns. SIGTERM ends it. See the usage below. */
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

RONDO_ASYNC(run_every, (uint64_t, start), (uint64_t, interval), (const char *, command))
{
	const struct rondo_process_options o = { .shell = command };
	struct rondo_process_result result;
	struct rondo_mask mask;
	int ret = 0;

	for (uint64_t n = 0; ret == 0; n++) {
		while (start + (n + 1) * interval < rondo_now_ns())
			n++;				/* missed */
		if ((ret = rondo_sleep_until(start + n * interval)) < 0)
			break;
		rondo_mask_begin(&mask);		/* what has begun is finished */
		ret = rondo_process_run(&o, NULL, 0, &result);
		rondo_mask_end(&mask);
		if (ret < 0)
			break;
		printf("%llu: %s", (unsigned long long)n, result.out);
		fflush(stdout);
		rondo_process_result_free(&result);
	}
	return ret;
}

static int async_main(void *arg)
{
	rondo_signal *signals;
	struct rondo_task_group jobs;
	uint64_t now = rondo_now_ns();
	int ret = rondo_signal_open_one(SIGTERM, &signals);

	if (ret < 0 || (ret = rondo_task_group_begin(&jobs)) < 0)
		return ret;
	for (char **a = arg; ret == 0 && a[0]; a += 2)
		ret = rondo_task_group_add(&jobs, run_every_task(now, (uint64_t)(atof(a[0]) * 1e9), a[1]));
	if (ret == 0)
		ret = rondo_signal_next(signals, NULL);
	rondo_task_group_cancel(&jobs);
	ret = rondo_task_group_end(&jobs, ret);
	rondo_signal_close(signals);
	return ret;
}

int main(int argc, char **argv)
{
	int i = 1;

	while (i + 1 < argc && atof(argv[i]) >= 1e-6 && atof(argv[i]) <= 1e9)
		i += 2;
	if (i == 1 || i < argc)
		return fprintf(stderr, "usage: ticker SECONDS COMMAND [SECONDS COMMAND]...\n"), 2;
	return rondo_run_with(rondo_options_from_environment(), async_main, argv + 1) < 0;
}
