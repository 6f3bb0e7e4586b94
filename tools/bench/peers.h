/* SPDX-License-Identifier: MIT */
/* peers.h - Go and libuv beside ours, where they are installed. Their programs are compiled when they
 * are first asked for, in a new folder below $TMPDIR, /tmp, /var/tmp or this one, and removed when
 * this one ends. */
#ifndef RONDO_TOOLS_BENCH_PEERS_H
#define RONDO_TOOLS_BENCH_PEERS_H

#include "bench.h"

/* Can it be measured? Says why not, in one line, the first time. */
bool bench_has_go(void);
bool bench_has_libuv(void);

/* A bench_case.run: measures the case of peer.go that arg, a string, names. */
int bench_go(void *arg, double *value);

/* Drop the cases of peers that are not there, asyncio's included, and keep the others' order. Returns
 * how many are left. */
unsigned bench_drop_absent(struct bench_case *cases, unsigned n);

#define BENCH_GO(title, name) { "Go: " title, bench_go, (char[]){ name } }

/* Serve lines: count them, or send them back if *ctx, a bool, is true. */
int bench_serve_by_go(int listen_fd, void *ctx);
int bench_serve_by_libuv(int listen_fd, void *ctx);

#endif
