/* SPDX-License-Identifier: MIT */
/* entropy.h - the one place where randomness enters: unseeded generators and system generators. */
#ifndef RONDO_RANDOM_ENTROPY_H
#define RONDO_RANDOM_ENTROPY_H

#include <stddef.h>

/* Fill buf with size random bytes. Returns 0 or -errno. */
typedef int rondo__entropy_fn(void *buf, size_t size);

/* Getrandom(2) unless a simulated kernel puts its own here. Per thread, since a loop is, and one
 * may be simulated while another is real. A generator already seeded does not notice a change:
 * whoever makes one reseeds the thread's own with rondo_random_seed_entropy(). */
extern _Thread_local rondo__entropy_fn *rondo__random_entropy;

int rondo__entropy_kernel(void *buf, size_t size);
#endif
