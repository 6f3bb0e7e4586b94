/* SPDX-License-Identifier: MIT */
/* files.h - files whose every byte is known by its place, for tests that copy them. */
#ifndef RONDO_TESTS_TOOLS_FILES_H
#define RONDO_TESTS_TOOLS_FILES_H

#include "command.h"

#include <dirent.h>

enum { FILES_WORDS = 8192, FILES_CHUNK = FILES_WORDS * 8 };

/* The chunk at an offset: different for every offset and seed, and never zero. */
static inline void files_fill(uint64_t *words, uint64_t offset, uint64_t seed)
{
	for (uint64_t i = 0; i < FILES_WORDS; i++)
		words[i] = ((offset / 8 + i + (seed << 40)) * 0x9e3779b97f4a7c15u) |
			   0x0101010101010101u;
}

static inline void files_make(const char *name, size_t size, uint64_t seed, mode_t mode)
{
	static uint64_t words[FILES_WORDS];
	int fd;

	unlink(name);			/* it may be read-only */
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (size_t at = 0; at < size; at += FILES_CHUNK) {
		size_t n = size - at < FILES_CHUNK ? size - at : FILES_CHUNK;

		files_fill(words, at, seed);
		assert_int_equal(write(fd, words, n), n);
	}
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* Does an open file have this content, no more and no less? */
static inline bool files_content_is(int fd, size_t size, uint64_t seed)
{
	static uint64_t expected[FILES_WORDS], found[FILES_WORDS];
	struct stat st;
	bool same = fstat(fd, &st) == 0 && (size_t)st.st_size == size;

	for (size_t at = 0; same && at < size; at += FILES_CHUNK) {
		size_t n = size - at < FILES_CHUNK ? size - at : FILES_CHUNK;

		files_fill(expected, at, seed);
		same = pread(fd, found, n, (off_t)at) == (ssize_t)n && !memcmp(found, expected, n);
	}
	return same;
}

static inline bool files_is(const char *name, size_t size, uint64_t seed)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	bool same = fd >= 0 && files_content_is(fd, size, seed);

	close(fd);
	return same;
}

static inline int files_mode(const char *name)
{
	struct stat st;

	return stat(name, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

/* Find a temporary file that a copy is made in, or was when it was killed. */
static inline bool files_find_temporary(const char *folder, char *path, size_t size)
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	bool found = false;

	while (d && !found && (entry = readdir(d))) {
		found = !strncmp(entry->d_name, ".rondo-cp-", 10);
		if (found)
			snprintf(path, size, "%s/%s", folder, entry->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

static inline void assert_no_temporary(const char *folder)
{
	char path[PATH_MAX];
	bool found = files_find_temporary(folder, path, sizeof(path));

	if (found)
		print_error("%s was left behind\n", path);
	assert_false(found);
}
#endif
