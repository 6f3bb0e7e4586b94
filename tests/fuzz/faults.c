/* SPDX-License-Identifier: MIT */
/* faults.c - fuzz target: lists of faults, as in rondo_sim_options.only_faults.
 *
 * A list is right if each entry is the name of a fault, in any case, and none comes twice. */
#include <errno.h>
#include <rondo_sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned fault_by_name(const char *name, size_t n)
{
	const char *known;

	for (unsigned i = 0; (known = rondo_sim_fault_name(i)); i++)
		if (strlen(known) == n && !strncasecmp(known, name, n))
			return i;
	return RONDO_SIM_FAULT_KINDS;
}

static bool is_right(const char *list)
{
	bool seen[RONDO_SIM_FAULT_KINDS + 1] = { [RONDO_SIM_FAULT_KINDS] = true };

	for (;; list++) {
		size_t n = strcspn(list, ",");
		unsigned i = fault_by_name(list, n);

		if (seen[i])
			return false;
		seen[i] = true;
		list += n;
		if (!*list)
			return true;
	}
}

/* Enough for some of them to happen. */
static int program(void *arg)
{
	int fds[2], ret = rondo_pipe(fds, 0);

	(void)arg;
	if (ret < 0)
		return 0;
	for (int i = 0; i < 3; i++)
		(void)!rondo_write(fds[1], "abc", 3);
	rondo_close(fds[0]);
	rondo_close(fds[1]);
	return rondo_sleep(0.1);
}

static void check_kinds(const char *list, const struct rondo_sim_stats *stats)
{
	for (unsigned i = 0; rondo_sim_fault_name(i); i++)
		if (stats->n_by_fault[i] && !strcasestr(list, rondo_sim_fault_name(i))) {
			fprintf(stderr, "%s happened\n", rondo_sim_fault_name(i));
			abort();
		}
}

static void failed(const struct rondo_sim_failure *f, void *arg)
{
	rondo_sim_print_failure(f, arg);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rondo_sim_stats stats;
	struct rondo_sim_options o = { .seed = size, .on_failure = failed, .stats = &stats };
	char *list = malloc(size + 1);
	int ret;

	if (!list)
		abort();
	memcpy(list, data, size);
	list[size] = '\0';
	o.only_faults = list;
	ret = rondo_sim_run(&o, program, NULL);
	if (ret != (is_right(list) ? 0 : -EINVAL))
		abort();
	if (ret == 0)
		check_kinds(list, &stats);
	free(list);
	return 0;
}
