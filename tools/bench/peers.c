/* SPDX-License-Identifier: MIT */
/* peers.c - see peers.h. */
#include "peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
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
static char folder[4096];
static bool has_folder;

static void remove_folder(void)
{
	char command[sizeof(folder) + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "rondo: bench: %s is left behind\n", folder);
}

/* Not where programs may not be run (noexec), nor where a shell would not take the name as it is. */
static bool make_folder_below(const char *parent)
{
	struct statvfs fs;
	int n = parent ? snprintf(folder, sizeof(folder), "%s/rondo-bench.XXXXXX", parent) : 0;

	return n > 0 && (size_t)n < sizeof(folder) && !strchr(parent, '\'') &&
	       statvfs(parent, &fs) == 0 && !(fs.f_flag & ST_NOEXEC) && mkdtemp(folder);
}

static bool make_folder(void)
{
	const char *const parents[] = { getenv("TMPDIR"), "/tmp", "/var/tmp", "." };
	static bool tried;

	for (size_t i = 0; !tried && !has_folder && i < sizeof(parents) / sizeof(parents[0]); i++)
		has_folder = make_folder_below(parents[i]);
	if (!tried && has_folder)
		atexit(remove_folder);
	if (!tried && !has_folder)
		printf("nowhere to build: neither $TMPDIR, /tmp, /var/tmp nor this folder lets "
		       "programs be written and run\n");
	tried = true;
	return has_folder;
}

static bool build(const struct peer *p)
{
	char text[sizeof(folder) + 256];
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
	snprintf(text, sizeof(text), "cd '%s' && { %s; } >/dev/null 2>&1", folder, p->build);
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
	char command[sizeof(folder) + 64];
	FILE *out;
	int n;

	snprintf(command, sizeof(command), "exec '%s/go' %s", folder, (const char *)arg);
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
		    (cases[i].run != bench_asyncio_groups || bench_has_task_groups()) &&
		    (cases[i].run != bench_go || bench_has_go()))
			cases[n_left++] = cases[i];
	return n_left;
}

static int serve(const struct peer *p, int listen_fd, bool echoes)
{
	int fd = dup(listen_fd);	/* without O_CLOEXEC */
	char path[sizeof(folder) + 16], number[16];

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
