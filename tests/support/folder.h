/* SPDX-License-Identifier: MIT */
/* folder.h - a temporary folder that a test program works in, and a child process to misuse. */
#ifndef RONDO_TESTS_FOLDER_H
#define RONDO_TESTS_FOLDER_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char test_folder[PATH_MAX];

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* cmocka group fixtures: relative paths are in an empty folder from here to there. */
static inline int enter_folder(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(test_folder, sizeof(test_folder), "%s/rondo-XXXXXX", parent ? parent : "/tmp");
	return mkdtemp(test_folder) && chdir(test_folder) == 0 ? 0 : -1;
}

static inline int leave_folder(void **state)
{
	(void)state;
	return chdir("/") == 0 ? nftw(test_folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS) : -1;
}
#endif
