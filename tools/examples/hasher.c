/* SPDX-License-Identifier: MIT */
/* hasher.c - hash files in parallel, a few at a time (64-bit FNV-1a): example_hasher FILE... */
#include <fcntl.h>
#include <inttypes.h>
#include <rondo.h>
#include <stdio.h>

enum { AT_ONCE = 8, N_FILES = 4096, BLOCK = 16384 };

struct files {
	int n;
	char **names;
	uint64_t hashes[N_FILES];
};

static int hash_file(const char *name, uint64_t *hash)
{
	unsigned char block[BLOCK];
	int fd = rondo_open(name, O_RDONLY, 0);
	ssize_t n = fd;

	*hash = UINT64_C(0xcbf29ce484222325);
	while (fd >= 0 && (n = rondo_read(fd, block, sizeof(block))) > 0)
		for (ssize_t i = 0; i < n; i++)
			*hash = (*hash ^ block[i]) * UINT64_C(0x100000001b3);
	if (fd >= 0)
		rondo_close(fd);
	if (n < 0)
		fprintf(stderr, "hasher: %s: %s\n", name, rondo_strerror((int)n));
	return (int)n;
}

RONDO_ASYNC(hash_one, (struct files *, files), (int, i))
{
	return hash_file(files->names[i], &files->hashes[i]);
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
	static struct files files;

	files.n = argc - 1 < N_FILES ? argc - 1 : N_FILES, files.names = argv + 1;
	return rondo_run(async_main, &files) < 0;
}
