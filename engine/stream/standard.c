/* SPDX-License-Identifier: MIT */
/* standard.c - files by name, and the three streams that a process is born with: rows U4, U5.
 *
 * U4: asyncio cannot read a regular file (`prog < file`), and sets O_NONBLOCK on what the shell and
 * the process's neighbours use as well. Here all kinds work, and nothing is set. */
#include <sys/syscall.h>
#include <unistd.h>

#include "rondo/file.h"
#include "stream/stream.h"

int rondo_file_open(const char *path, int flags, mode_t mode,
		    const struct rondo_stream_options *options, rondo_stream **stream)
{
	int fd = rondo_open(path, flags, mode), ret;

	if (fd < 0)
		return fd;
	ret = rondo_stream_from_fd(fd, options, stream);
	if (ret < 0)
		rondo_close(fd);
	return ret;
}

static int seek_locked(struct rondo_stream *s, int64_t offset, int whence, int64_t *now)
{
	int ret = rondo__stream_flush_locked(s);

	if (ret < 0)
		return ret;
	if (s->reading)
		return -EBUSY;
	rondo__stream_forget_ahead(s);
	stream_drop_unread(s);		/* if it appends, and so did not forget */
	if (whence == SEEK_CUR && !s->shares_position) {
		if (__builtin_add_overflow(offset, s->offset, &offset))
			return -EINVAL;
		whence = SEEK_SET;
	}
	*now = kernel_call3(s->loop->ring.kernel, SYS_lseek, s->fd, offset, whence);
	if (*now < 0)
		return (int)*now;
	s->offset = *now;
	return 0;
}

int64_t rondo_stream_seek(rondo_stream *s, int64_t offset, int whence)
{
	int64_t now = 0;
	int ret;

	if (!s->grows)
		return -ESPIPE;
	ret = rondo__stream_begin_write(s);
	if (ret < 0)
		return ret;
	ret = rondo__stream_end_write(s, seek_locked(s, offset, whence, &now));
	return ret < 0 ? ret : now;
}

/* --- the three ------------------------------------------------------------------------------- */

/* They are always open, so leaving them so is no leak; but what they hold is to go out. */
static void close_quietly(struct resource *r)
{
	rondo_stream_close(container_of(r, struct rondo_stream, resource));
}

static const struct resource_class standard_class = { .drop = close_quietly };

static rondo_stream *standard(int fd)
{
	static const struct rondo_stream_options o = { .keep_fd = true };
	rondo_stream **slot = &rondo__self()->loop->standard[fd];

	if (*slot || rondo_stream_from_fd(fd, &o, slot) < 0)
		return *slot;
	(*slot)->shares_position = true;
	(*slot)->resource.class = &standard_class;
	return *slot;
}

rondo_stream *rondo_stdin(void)
{
	return standard(STDIN_FILENO);
}

rondo_stream *rondo_stdout(void)
{
	return standard(STDOUT_FILENO);
}

rondo_stream *rondo_stderr(void)
{
	return standard(STDERR_FILENO);
}
