/* SPDX-License-Identifier: MIT */
/* world.h - included before each file of the rondo program when its command line is fuzzed: what
 * would touch the world goes to cli.c, which does nothing, or reads from the input. */
#ifndef RONDO_TESTS_FUZZ_WORLD_H
#define RONDO_TESTS_FUZZ_WORLD_H

#include <rondo.h>
#include <stdio.h>

FILE *fuzz_fopen(const char *path, const char *mode);
int fuzz_listen_tcp(const char *host, uint16_t port, const struct rondo_listen_options *options);
int fuzz_run(rondo_fn *main, void *arg);
int fuzz_fflush(FILE *file);
FILE *fuzz_stderr(void);

#define fopen fuzz_fopen
#define rondo_listen_tcp fuzz_listen_tcp
#define rondo_run fuzz_run
#define fflush fuzz_fflush
#undef stderr
#define stderr fuzz_stderr()
#endif
