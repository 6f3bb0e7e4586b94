/* SPDX-License-Identifier: MIT */
/* peers.c - see peers.h. */
#include "peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asyncio.h"
#include "peer_sources.h"

struct peer {
	const char *name, *file, *source;
	const char *build;		/* in the folder */
	bool tried, built;
};

static struct peer go = {
	.name = "go", .file = "peer.go", .source = go_source,
	.build = "command -v go && HOME=${HOME:-$PWD} GO111MODULE=off go build -o go peer.go",
};
static struct peer libuv = {
	.name = "libuv", .file = "libuv.c", .source = libuv_source,
	.build = "cc -O2 -o libuv libuv.c $(pkg-config --cflags --libs libuv)",
};
static char folder[] = "/tmp/rondo-bench.XXXXXX";
static bool has_folder;

static void remove_folder(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0)
		fprintf(stderr, "rondo: bench: %s is left behind\n", folder);
}

static bool make_folder(void)
{
	if (!has_folder && mkdtemp(folder)) {
		has_folder = true;
		atexit(remove_folder);
	}
	return has_folder;
}

static bool build(const struct peer *p)
{
	char text[512];
	FILE *f;
	bool written;

	if (!make_folder())
		return false;
	snprintf(text, sizeof(text), "%s/%s", folder, p->file);
	f = fopen(text, "w");
	if (!f)
		return false;
	written = fputs(p->source, f) >= 0;
	if (fclose(f) != 0 || !written)
		return false;
	snprintf(text, sizeof(text), "cd %s && { %s; } >/dev/null 2>&1", folder, p->build);
	return system(text) == 0;
}

static bool has(struct peer *p)
{
	if (!p->tried) {
		p->built = build(p);
		if (!p->built)
			printf("%s cannot be compiled here, or is not installed: not compared with\n",
			       p->name);
	}
	p->tried = true;
	return p->built;
}

bool bench_has_go(void)
{
	return has(&go);
}

bool bench_has_libuv(void)
{
	return has(&libuv);
}

int bench_go(void *arg, double *value)
{
	char command[128];
	FILE *out;
	int n;

	snprintf(command, sizeof(command), "exec %s/go %s", folder, (const char *)arg);
	out = popen(command, "r");
	if (!out)
		return -errno;
	n = fscanf(out, "%lf", value);
	return pclose(out) == 0 && n == 1 ? 0 : -EIO;
}

unsigned bench_drop_absent(struct bench_case *cases, unsigned n)
{
	unsigned n_left = 0;

	for (unsigned i = 0; i < n; i++)
		if ((cases[i].run != bench_asyncio || bench_has_asyncio()) &&
		    (cases[i].run != bench_go || bench_has_go()))
			cases[n_left++] = cases[i];
	return n_left;
}

static int serve(const struct peer *p, int listen_fd, bool echoes)
{
	int fd = dup(listen_fd);	/* without O_CLOEXEC */
	char path[64], number[16];

	snprintf(path, sizeof(path), "%s/%s", folder, p->name);
	snprintf(number, sizeof(number), "%d", fd);
	execl(path, p->name, "serve", number, echoes ? "1" : "0", NULL);
	return -errno;
}

int bench_serve_by_go(int listen_fd, void *ctx)
{
	return serve(&go, listen_fd, *(bool *)ctx);
}

int bench_serve_by_libuv(int listen_fd, void *ctx)
{
	return serve(&libuv, listen_fd, *(bool *)ctx);
}
