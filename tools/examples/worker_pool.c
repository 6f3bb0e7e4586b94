/* SPDX-License-Identifier: MIT */
/* worker_pool.c - jobs in a queue, and a few workers that take turns: example_worker_pool [N_JOBS].
 * The producer waits while the queue is full; the end of the queue ends the workers. */
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_WORKERS = 3, ROOM = 4 };

struct job {
	int number;
	double seconds;
};

RONDO_QUEUE(struct job, jobs);

RONDO_ASYNC(worker, (struct jobs *, todo), (int, id), (int *, n_done))
{
	struct job job;
	int ret;

	while ((ret = jobs_get(todo, &job)) == 0) {
		if ((ret = rondo_sleep(job.seconds)) < 0)
			return ret;
		printf("worker %d did job %d\n", id, job.number);
		(*n_done)++;
		rondo_queue_task_done(&todo->queue);
	}
	return ret == -RONDO_EQSHUTDOWN ? 0 : ret;
}

static int async_main(void *arg)
{
	const int n_jobs = *(int *)arg;
	rondo_task *workers[N_WORKERS];
	struct jobs todo;
	int ended, n_done = 0, ret = jobs_init(&todo, ROOM);

	if (ret < 0)
		return ret;
	for (int i = 0; i < N_WORKERS; i++)
		workers[i] = worker_task(&todo, i + 1, &n_done);
	for (int i = 1; i <= n_jobs && ret == 0; i++)
		ret = jobs_put(&todo, (struct job){ i, 0.01 * (1 + i % 3) });
	if (ret == 0)
		ret = rondo_queue_join(&todo.queue);
	rondo_queue_shutdown(&todo.queue, true);	/* nothing is left, or was interrupted */
	ended = rondo_gather(N_WORKERS, workers, NULL, RONDO_GATHER_CANCEL_REST);	/* they use ours */
	printf("%d jobs done\n", n_done);
	jobs_free(&todo);
	return ret < 0 ? ret : ended;
}

int main(int argc, char **argv)
{
	int n_jobs = argc > 1 ? atoi(argv[1]) : 9;

	return rondo_run_with(rondo_options_from_environment(), async_main, &n_jobs) < 0;
}
