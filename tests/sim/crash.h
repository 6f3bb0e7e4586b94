/* SPDX-License-Identifier: MIT */
/* crash.h - a simulated host that writes, loses its power, boots again and reads what is left; over
 * many seeds, with a count of what was found. */
#ifndef RONDO_TESTS_SIM_CRASH_H
#define RONDO_TESTS_SIM_CRASH_H

#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <rondo.h>
#include <sys/stat.h>

#include "rondo_sim.h"

enum { SECTOR = 512, SIZE = 4 * 4096, N_SECTORS = SIZE / SECTOR, N_SEEDS = 200 };

/* What a reader found. */
enum outcome { MISSING, EMPTY, OLD, NEW, MIXED_SECTORS, SHORT, GARBAGE, N_OUTCOMES };

struct crash {
	rondo_fn *writer, *reader;
	const char *only_faults;
	bool clean;			/* the writer ends; its power is not cut */
	double cut_s;			/* cut after at most so long; 0: by the writer itself */
	int host;
	bool is_cut;
	unsigned char old[SIZE], new[SIZE], got[SIZE];
	int n;				/* of what: the test's own */
	int counts[N_OUTCOMES];
	bool told_done;			/* the writer said that all was well */
};

static struct crash crash;

/* --- a host that is cut off and boots again -------------------------------------------------- */

static inline int cut_here(void)
{
	crash.is_cut = true;
	return rondo_sim_cut_power(crash.host);
}

static inline int wait_for_end(void)
{
	int ret, result = 0;

	while (!rondo_sim_host_result(crash.host, &result)) {
		ret = rondo_sleep(0.01);
		if (ret < 0)
			return ret;
	}
	return result;
}

static inline int wait_for_cut(void)
{
	int ret = 0;

	if (crash.cut_s > 0) {
		ret = rondo_sleep(crash.cut_s * (double)(rondo_sim_random() % 10000) / 10000);
		rondo_sim_cut_power(crash.host);	/* refused if it has ended */
		return ret;
	}
	while (ret == 0 && !crash.is_cut)
		ret = rondo_sleep(0.01);
	return ret < 0 ? ret : rondo_sleep(0.01);
}

static inline int crash_and_read(void *arg)
{
	(void)arg;
	crash.host = rondo_sim_start_host("disk", crash.writer, NULL);
	CHECK(crash.host > 0);
	CHECK_EQUAL(crash.clean ? wait_for_end() : wait_for_cut(), 0);
	CHECK_EQUAL(rondo_sim_restart_host(crash.host, crash.reader, NULL), 0);
	CHECK_EQUAL(wait_for_end(), 0);
	return 0;
}

static inline void fill(unsigned char *buf, unsigned char first)
{
	for (size_t i = 0; i < SIZE; i++)
		buf[i] = (unsigned char)(first | i / SECTOR);
}

static inline void run_seed(uint64_t seed, bool faults)
{
	const struct rondo_sim_options o = {
		.seed = seed, .no_faults = !faults, .only_faults = crash.only_faults,
		.on_failure = rondo_sim_print_failure,
	};
	int ret;

	crash.is_cut = crash.told_done = false;
	crash.host = 0;
	ret = rondo_sim_run(&o, crash_and_read, NULL);
	if (ret < 0)
		print_error("seed %llu\n", (unsigned long long)seed);
	assert_checks_passed();
	assert_int_equal(ret, 0);
}

/* Prepared by the caller: writer, reader, and what deviates. */
static inline void run_seeds(bool faults)
{
	memset(crash.counts, 0, sizeof(crash.counts));
	fill(crash.old, 0x40);
	fill(crash.new, 0x80);
	for (uint64_t seed = 1; seed <= N_SEEDS; seed++)
		run_seed(seed, faults);
}

/* --- reading what is left -------------------------------------------------------------------- */

static inline bool all_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* A sector is one or the other, or zeros where there was no old one; never a mixture. */
static inline enum outcome judge(size_t n)
{
	int n_old = 0, n_new = 0;

	if (n == 0)
		return EMPTY;
	for (size_t i = 0; i * SECTOR < n; i++) {
		size_t at = i * SECTOR, len = n - at < SECTOR ? n - at : SECTOR;

		if (!memcmp(crash.got + at, crash.old + at, len))
			n_old++;
		else if (!memcmp(crash.got + at, crash.new + at, len))
			n_new++;
		else if (!all_zero(crash.got + at, len))
			return GARBAGE;
	}
	if (n < SIZE)
		return n_old ? GARBAGE : SHORT;
	if (n_new == N_SECTORS)
		return NEW;
	return n_old == N_SECTORS ? OLD : MIXED_SECTORS;
}

static inline int read_whole(const char *name, enum outcome *outcome)
{
	int fd = rondo_open(name, O_RDONLY, 0), ret;
	size_t n = 0;

	*outcome = MISSING;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	memset(crash.got, 0xff, SIZE);
	ret = rondo_pread_exactly(fd, crash.got, SIZE, 0, &n);
	*outcome = judge(n);
	CHECK_EQUAL(rondo_close(fd), 0);
	return ret == -RONDO_EINCOMPLETE ? 0 : ret;
}

static inline int count_file(void *arg)
{
	enum outcome outcome;

	(void)arg;
	CHECK_EQUAL(read_whole("file", &outcome), 0);
	crash.counts[outcome]++;
	return 0;
}

static inline int sync_root(void)
{
	int fd = rondo_open(".", O_RDONLY | O_DIRECTORY, 0), ret;

	if (fd < 0)
		return fd;
	ret = rondo_fsync(fd);
	rondo_close(fd);
	return ret;
}

/* A file that is open, written, and perhaps synced. */
static inline int write_file(const char *name, const unsigned char *bytes, bool sync)
{
	int fd = rondo_open(name, O_RDWR | O_CREAT, 0600);

	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_pwrite_all(fd, bytes, SIZE, 0, NULL), 0);
	if (sync)
		CHECK_EQUAL(rondo_fsync(fd), 0);
	return fd;
}

static inline int make_old(void)
{
	int fd = write_file("file", crash.old, true);

	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_close(fd), 0);
	return sync_root();
}
#endif
