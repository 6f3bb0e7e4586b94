/* SPDX-License-Identifier: MIT */
/* cp.c - `rondo cp SRC DST`: several blocks in flight, and DST is never torn.
 *
 * The copy goes to a nameless place beside DST (a temporary name), is put on the disk, and only
 * then takes DST's name, at once; then the folder is put on the disk. A kill or power cut at any
 * moment leaves the old DST or the new one. */
#include <errno.h>
#include <fcntl.h>
#include <rondo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

enum {
	BLOCK_SIZE = 512 << 10,		/* buffered writes cost a worker thread: few, large ones */
	N_COPIERS = 4,			/* blocks in flight */
	BAR_WIDTH = 32,
};

struct copy {
	const char *src, *dst;		/* dst is the final name, never a folder */
	char *temporary;
	int in, out;
	uint64_t size;			/* of src when it was opened */
	uint64_t next;			/* offset of the next block to copy */
	uint64_t end;			/* of the copy: size, or if that is 0 (/proc) unknown */
	uint64_t n_copied;
	mode_t mode;
	const char *what;		/* the file that an error is about */
};

static int failed(struct copy *c, const char *what, int error)
{
	if (error < 0 && !c->what)
		c->what = what;
	return error;
}

/* Copy one block; fewer bytes only at the end of src. */
static int copy_block(struct copy *c, char *buf, uint64_t offset)
{
	size_t n = 0, len = c->end - offset < BLOCK_SIZE ? (size_t)(c->end - offset) : BLOCK_SIZE;
	int ret = rondo_pread_exactly(c->in, buf, len, (int64_t)offset, &n);

	if (ret < 0 && ret != -RONDO_EINCOMPLETE)
		return failed(c, c->src, ret);
	if (n < len && offset + n < c->end)
		c->end = offset + n;
	if (n == 0)
		return 0;
	ret = rondo_pwrite_all(c->out, buf, n, (int64_t)offset, NULL);
	c->n_copied += n;
	return failed(c, c->dst, ret);
}

static int copier(void *arg)
{
	struct copy *c = arg;
	char *buf = malloc(BLOCK_SIZE);
	int ret = buf ? 0 : failed(c, c->src, -ENOMEM);

	while (ret == 0 && c->next < c->end) {
		uint64_t offset = c->next;

		c->next += BLOCK_SIZE;
		ret = copy_block(c, buf, offset);
	}
	free(buf);
	return ret;
}

static void draw_bar(const struct copy *c)
{
	char bar[BAR_WIDTH + 1];
	double done = c->size ? (double)c->n_copied / (double)c->size : 1;
	int full = done < 1 ? (int)(done * BAR_WIDTH) : BAR_WIDTH;

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)full);
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %3d%% %.1f MiB", bar, done < 1 ? (int)(done * 100) : 100,
		(double)c->n_copied / (1 << 20));
}

static int show_progress(void *arg)
{
	int ret = 0;

	while (ret == 0) {
		draw_bar(arg);
		ret = rondo_sleep(0.1);
	}
	draw_bar(arg);
	fputc('\n', stderr);
	return 0;
}

static int copy_blocks(struct copy *c)
{
	rondo_task *copiers[N_COPIERS], *bar = NULL;
	/* What /proc shows is made as it is read: in order, or else again and again from the
	 * start. */
	int n_copiers = c->size ? N_COPIERS : 1, ret;

	if (isatty(STDERR_FILENO))
		bar = rondo_create_task(show_progress, c);
	for (int i = 0; i < n_copiers; i++)
		copiers[i] = rondo_create_task(copier, c);
	ret = rondo_gather((size_t)n_copiers, copiers, NULL, RONDO_GATHER_CANCEL_REST);
	if (bar) {
		rondo_cancel(bar);
		rondo_await(bar);
	}
	/* A hole would be zeros that src never held: it was cut short behind our back. */
	if (ret == 0 && c->n_copied != c->end)
		ret = failed(c, c->src, -ESTALE);
	return ret;
}

static int open_source(struct copy *c)
{
	struct statx st;
	int ret;

	c->in = failed(c, c->src, rondo_open(c->src, O_RDONLY | O_NONBLOCK, 0));
	if (c->in < 0)
		return c->in;
	ret = failed(c, c->src, rondo_statx(c->in, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st));
	if (ret == 0 && S_ISDIR(st.stx_mode))
		ret = failed(c, c->src, -EISDIR);
	if (ret == 0 && !S_ISREG(st.stx_mode))
		ret = failed(c, c->src, -EINVAL);
	if (ret == 0) {
		c->size = st.stx_size;
		c->end = c->size ? c->size : UINT64_MAX;
		c->mode = st.stx_mode & 0777;	/* no set-id: the copy has another owner */
	}
	return ret;
}

/* DST's folder, for the temporary file and for the last fsync. The caller frees it. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int create_temporary(struct copy *c)
{
	char *folder = folder_of(c->dst);

	if (!folder || asprintf(&c->temporary, "%s/.rondo-cp-%ld-%08x", folder, (long)getpid(),
				(unsigned)rondo_random_getrandbits(32)) < 0)
		c->temporary = NULL;
	free(folder);
	if (!c->temporary)
		return failed(c, c->dst, -ENOMEM);
	c->out = failed(c, c->dst,
			rondo_open(c->temporary, O_WRONLY | O_CREAT | O_EXCL, c->mode | 0200));
	if (c->out < 0)
		return c->out;
	/* Learn now that there is no room, not after copying half of it; not all file systems
	 * can tell. */
	int ret = c->size ? rondo_fallocate(c->out, FALLOC_FL_KEEP_SIZE, 0, (int64_t)c->size) : 0;

	return failed(c, c->dst, ret == -EOPNOTSUPP ? 0 : ret);
}

static int sync_folder(struct copy *c)
{
	char *folder = folder_of(c->dst);
	int fd = folder ? rondo_open(folder, O_RDONLY | O_DIRECTORY, 0) : -ENOMEM;
	int ret = fd < 0 ? fd : rondo_fsync(fd);

	if (fd >= 0)
		rondo_close(fd);
	free(folder);
	/* A folder that may be written but not read, or a file system without folder fsync. */
	return ret == -EACCES || ret == -EINVAL ? 0 : ret;
}

static int commit(struct copy *c)
{
	/* The mode at last: the umask, or a read-only one, must not have stood in the way. */
	int ret = fchmod(c->out, c->mode) < 0 ? -errno : 0;

	if (ret == 0)
		ret = rondo_fsync(c->out);
	if (ret == 0)
		ret = rondo_rename(c->temporary, c->dst);
	if (failed(c, c->dst, ret) < 0)
		return ret;
	free(c->temporary);
	c->temporary = NULL;
	ret = sync_folder(c);
	if (ret == -ECANCELED)		/* too late: the copy is there, and ^C comes only once */
		ret = sync_folder(c);
	return failed(c, c->dst, ret);
}

/* Also after a cancel, which was delivered by then: nothing of ours is left behind. */
static void clean_up(struct copy *c)
{
	if (c->in >= 0)
		rondo_close(c->in);
	if (c->out >= 0)
		rondo_close(c->out);
	if (c->temporary) {
		unlink(c->temporary);
		free(c->temporary);
	}
}

static void stop(void *task)
{
	rondo_cancel(task);
}

static int cp_main(void *arg)
{
	struct copy *c = arg;
	/* As ^C does it: what ends a session or a container leaves nothing behind, either. */
	int ret = rondo_add_signal_handler(SIGTERM, stop, rondo_current_task());

	if (ret >= 0)
		ret = open_source(c);
	if (ret >= 0)
		ret = create_temporary(c);
	if (ret >= 0)
		ret = copy_blocks(c);
	if (ret >= 0)
		ret = commit(c);
	clean_up(c);
	return ret;
}

/* DST may be a folder: then the copy goes into it under SRC's name. */
static char *name_in(const char *src, const char *dst)
{
	const char *slash = strrchr(src, '/'), *base = slash ? slash + 1 : src;
	struct stat st;
	char *name;

	if (stat(dst, &st) < 0 || !S_ISDIR(st.st_mode))
		return strdup(dst);
	return asprintf(&name, "%s/%s", dst, base) < 0 ? NULL : name;
}

/* The name that is to be replaced: where that is a link, the file it leads to. The caller frees
 * it. */
static char *final_name(const char *src, const char *dst)
{
	char *name = name_in(src, dst), *target;
	struct stat st;

	if (!name || lstat(name, &st) < 0 || !S_ISLNK(st.st_mode))
		return name;
	target = realpath(name, NULL);
	if (!target)
		return name;		/* it leads nowhere, and is replaced itself */
	free(name);
	return target;
}

/* Why DST may not be replaced, or NULL. */
static const char *objection(const struct copy *c)
{
	struct stat src, dst;

	if (stat(c->dst, &dst) < 0)
		return NULL;
	if (stat(c->src, &src) == 0 && src.st_dev == dst.st_dev && src.st_ino == dst.st_ino)
		return "is the same file as the source";
	/* /dev/null, say: rename() would put a file in its place. */
	return S_ISREG(dst.st_mode) ? NULL : "not a regular file";
}

static int report(const struct copy *c, int error)
{
	if (error == -EINTR || error == -ECANCELED)
		return cli_fail(c->src, "interrupted; the old file, if any, is as it was");
	if (!c->what)
		return cli_fail_run("cp", error);
	if (error == -EINVAL && c->what == c->src)
		return cli_fail(c->src, "not a regular file");
	if (error == -ESTALE && c->what == c->src)
		return cli_fail(c->src, "changed while it was copied");
	return cli_fail_error(c->what, error);
}

int cmd_cp(int argc, char **argv)
{
	struct copy c = { .in = -1, .out = -1 };
	const char *why;
	char *dst;
	int ret;

	if (argc != 3 || argv[1][0] == '-' || argv[2][0] == '-')
		return cli_usage("cp", "takes two names: rondo cp SRC DST");
	dst = final_name(argv[1], argv[2]);
	if (!dst)
		return cli_fail_error(argv[2], -ENOMEM);
	c.src = argv[1];
	c.dst = dst;
	why = objection(&c);
	if (why) {
		ret = cli_fail(c.dst, why);
	} else {
		/* A limit on file sizes is to be an error; where the kernel needs no worker
		 * thread to write (xfs, btrfs), it would be our death. */
		signal(SIGXFSZ, SIG_IGN);
		ret = rondo_run_with(rondo_options_from_environment(), cp_main, &c);
		ret = ret < 0 ? report(&c, ret) : CLI_OK;
	}
	free(dst);
	return ret;
}
