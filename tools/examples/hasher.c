/* SPDX-License-Identifier: MIT */
/* hasher.c - hash files in parallel, a few at a time (64-bit FNV-1a): example_hasher FILE... */
#include <fcntl.h>
#include <inttypes.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

enum { AT_ONCE = 8, BLOCK = 16384 };

struct files {
	int n;
	char **names;
	uint64_t *hashes;
};

RONDO_ASYNC(hash_one, (struct files *, files), (int, i))
{
	unsigned char block[BLOCK];
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	int fd = rondo_open(files->names[i], O_RDONLY, 0);
	ssize_t n = fd;

	while (fd >= 0 && (n = rondo_read(fd, block, sizeof(block))) > 0)
		for (ssize_t j = 0; j < n; j++)
			hash = (hash ^ block[j]) * UINT64_C(0x100000001b3);
	files->hashes[i] = hash;
	if (fd >= 0)
		rondo_close(fd);
	if (n < 0)
		fprintf(stderr, "hasher: %s: %s\n", files->names[i], rondo_strerror((int)n));
	return (int)n;
}

static int async_main(void *arg)
{
	const struct rondo_task_group_options few = { .limit = AT_ONCE };
	struct rondo_task_group group;
	struct files *files = arg;
	int ret = rondo_task_group_begin_with(&group, &few);

	for (int i = 0; i < files->n && ret == 0; i++)
		if ((ret = rondo_task_group_room(&group)) == 0)
			ret = rondo_task_group_add(&group, hash_one_task(files, i));
	ret = rondo_task_group_end(&group, ret);
	for (int i = 0; i < files->n && ret == 0; i++)
		printf("%016" PRIx64 "  %s\n", files->hashes[i], files->names[i]);
	return ret;
}

int main(int argc, char **argv)
{
	struct files files = { argc - 1, argv + 1, calloc((size_t)argc, sizeof(*files.hashes)) };
	int ret = files.hashes ? rondo_run_with(rondo_options_from_environment(), async_main, &files) : -1;

	free(files.hashes);
	return ret < 0;
}
