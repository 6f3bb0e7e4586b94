/* SPDX-License-Identifier: MIT */
/* program_io.c - instructions of programs: descriptors, pipes and files; and the streams that check
 * that what went in comes out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/program.h"

/* --- streams ---------------------------------------------------------------------------------- */

struct stream *program_stream(struct program *p)
{
	struct stream *s;

	if (p->n_streams == N_STREAMS)
		return NULL;
	s = &p->streams[p->n_streams++];
	s->byte = (uint8_t)(0x40 + p->n_streams);
	return s;
}

void program_sent(struct stream *s, ssize_t n)
{
	if (s && n > 0)
		s->n_written += (uint64_t)n;
}

void program_check_bytes(struct stream *s, const uint8_t *bytes, ssize_t n)
{
	if (!s || n <= 0)
		return;
	s->n_read += (uint64_t)n;
	if (s->mixed)
		return;
	if (s->n_read > s->n_written + s->n_asked)
		rondo_sim_fail("%llu bytes were read, of %llu", (unsigned long long)s->n_read,
			       (unsigned long long)(s->n_written + s->n_asked));
	for (ssize_t i = 0; i < n; i++)
		if (bytes[i] != s->byte)
			rondo_sim_fail("byte %zd of %zd is 0x%02x, not 0x%02x", i, n, bytes[i],
				       s->byte);
}

/* One transfer with a buffer of just its size, which is gone at once afterwards: whoever still
 * writes to it is found out. */
ssize_t program_transfer(struct end e, const struct instruction *in, bool out,
			 ssize_t (*transfer)(struct end e, void *buf, size_t len,
					     const struct instruction *in))
{
	struct stream *s = out ? e.out : e.in;
	size_t len = program_size(in->b);
	uint8_t *buf = malloc(len ? len : 1);
	ssize_t ret;

	if (!buf)
		return -ENOMEM;
	memset(buf, out && s ? s->byte : 0, len);
	if (out && s)
		s->n_asked += len;
	ret = transfer(e, buf, len, in);
	if (out && s)
		s->n_asked -= len;
	if (ret > (ssize_t)len)
		rondo_sim_fail("%zd bytes of %zu", ret, len);
	if (out)
		program_sent(s, ret);
	else
		program_check_bytes(s, buf, ret);
	free(buf);
	return ret;
}

/* --- slots ------------------------------------------------------------------------------------ */

static struct end take(struct program *p, unsigned where)
{
	struct end e = p->ends[where % N_ENDS];

	p->ends[where % N_ENDS] = (struct end){ .fd = -1 };
	return e;
}

/* Those who still use the descriptor are told -EBADF, and what is on its way here may be lost. */
static int close_end(struct end e)
{
	if (e.fd < 0)
		return 0;
	if (e.in)
		e.in->lossy = true;
	if (e.out && e.is_stream_socket)	/* unread bytes of ours reset the other direction */
		e.out->lossy = true;
	return rondo_close(e.fd);
}

/* Closing what was there may await; by then the slot has what it is to have. */
void program_put_end(struct program *p, unsigned where, struct end e)
{
	struct end old = take(p, where);

	p->ends[where % N_ENDS] = e;
	close_end(old);
}

int op_close(struct context *c, const struct instruction *in)
{
	return close_end(take(c->p, in->a));
}

static struct end at(struct context *c, uint8_t which)
{
	return c->p->ends[which % N_ENDS];
}

/* --- pipes and files -------------------------------------------------------------------------- */

int op_pipe(struct context *c, const struct instruction *in)
{
	struct stream *s;
	int fds[2], ret = rondo_pipe(fds, in->b & 1 ? O_NONBLOCK : 0);

	if (ret < 0)
		return ret;
	s = program_stream(c->p);
	program_put_end(c->p, in->a, (struct end){ .fd = fds[0], .in = s });
	program_put_end(c->p, in->a + 1u, (struct end){ .fd = fds[1], .out = s });
	return 0;
}

static void name_of(char *name, size_t size, uint8_t which)
{
	static const char *const folders[] = { "", "", "/d", "/d/e" };

	snprintf(name, size, "%s/%c", folders[which & 3], "abde"[which >> 2 & 3]);
}

int op_open(struct context *c, const struct instruction *in)
{
	static const int flags[] = {
		O_RDONLY, O_RDWR | O_CREAT, O_RDWR | O_CREAT, O_WRONLY | O_TRUNC,
		O_RDWR | O_CREAT | O_EXCL, O_WRONLY | O_APPEND | O_CREAT,
		O_RDONLY | O_DIRECTORY, O_RDWR,
	};
	char name[16];
	int fd;

	name_of(name, sizeof(name), in->b);
	fd = rondo_open(name, flags[in->c >> 3 & 7], in->c >> 3 & 7 ? 0644 : 0);
	if (fd >= 0)
		program_put_end(c->p, in->a, (struct end){ .fd = fd, .is_file = true });
	return fd < 0 ? fd : 0;
}

static ssize_t read_some(struct end e, void *buf, size_t len, const struct instruction *in)
{
	struct iovec iov[2] = { { buf, len / 3 }, { (char *)buf + len / 3, len - len / 3 } };

	return in->c & 8 ? rondo_readv(e.fd, iov, 2) : rondo_read(e.fd, buf, len);
}

static ssize_t write_some(struct end e, void *buf, size_t len, const struct instruction *in)
{
	struct iovec iov[2] = { { buf, len / 3 }, { (char *)buf + len / 3, len - len / 3 } };

	return in->c & 8 ? rondo_writev(e.fd, iov, 2) : rondo_write(e.fd, buf, len);
}

static ssize_t read_at(struct end e, void *buf, size_t len, const struct instruction *in)
{
	int64_t offset = (in->c >> 3) * 700;

	if (in->c >= 128)
		return rondo_pread_exactly(e.fd, buf, len, offset, NULL) < 0 ? -EIO : (ssize_t)len;
	return rondo_pread(e.fd, buf, len, offset);
}

static ssize_t write_at(struct end e, void *buf, size_t len, const struct instruction *in)
{
	int64_t offset = (in->c >> 3) * 700;

	if (in->c >= 128)
		return rondo_pwrite_all(e.fd, buf, len, offset, NULL) < 0 ? -EIO : (ssize_t)len;
	return rondo_pwrite(e.fd, buf, len, offset);
}

static int result(ssize_t n)
{
	return n < 0 ? (int)n : 0;
}

int op_read(struct context *c, const struct instruction *in)
{
	return result(program_transfer(at(c, in->a), in, false, read_some));
}

int op_write(struct context *c, const struct instruction *in)
{
	return result(program_transfer(at(c, in->a), in, true, write_some));
}

/* Offsets mean nothing to pipes, but errors after half of it would hide what was moved. */
int op_read_at(struct context *c, const struct instruction *in)
{
	struct end e = at(c, in->a);

	return e.in || e.out ? 0 : result(program_transfer(e, in, false, read_at));
}

int op_write_at(struct context *c, const struct instruction *in)
{
	struct end e = at(c, in->a);

	return e.in || e.out ? 0 : result(program_transfer(e, in, true, write_at));
}

/* How much was moved is known also on failure; the error is kept for the program. */
static _Thread_local int last_error;

static ssize_t read_exactly(struct end e, void *buf, size_t len, const struct instruction *in)
{
	size_t n = 0;
	int ret = in->c & 8 && e.is_stream_socket ? rondo_recv_exactly(e.fd, buf, len, &n) :
						   rondo_read_exactly(e.fd, buf, len, &n);

	last_error = ret;
	return (ssize_t)n;
}

static ssize_t write_all(struct end e, void *buf, size_t len, const struct instruction *in)
{
	size_t n = 0;
	int ret = e.is_stream_socket ? rondo_send_all(e.fd, buf, len, &n) :
				       rondo_write_all(e.fd, buf, len, &n);

	(void)in;
	last_error = ret;
	return (ssize_t)n;
}

int op_read_exactly(struct context *c, const struct instruction *in)
{
	ssize_t n = program_transfer(at(c, in->a), in, false, read_exactly);

	return n < 0 ? (int)n : last_error;
}

int op_write_all(struct context *c, const struct instruction *in)
{
	ssize_t n = program_transfer(at(c, in->a), in, true, write_all);

	return n < 0 ? (int)n : last_error;
}

int op_file(struct context *c, const struct instruction *in)
{
	struct statx st;
	struct end e = at(c, in->a);
	int fd = e.fd;

	switch (in->b % 8) {
	case 0:
		return rondo_fsync(fd);
	case 1:
		return rondo_fdatasync(fd);
	case 2:
		return rondo_ftruncate(fd, in->c * 100);
	case 3:
		return rondo_fallocate(fd, 0, 0, 1 + in->c * 100);
	case 4:
		return rondo_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
	case 5:
		return rondo_sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	default:
		/* What else there is has no inode in the simulator. */
		return e.is_file ? rondo_fstat(fd, &st) : 0;
	}
}

int op_name(struct context *c, const struct instruction *in)
{
	char name[16], other[16];
	struct statx st;

	(void)c;
	name_of(name, sizeof(name), in->a);
	name_of(other, sizeof(other), in->a >> 4);
	switch (in->b % 9) {
	case 0:
		return rondo_rename(name, other);
	case 1:
		return rondo_unlink(name);
	case 2:
		return rondo_rmdir(name);
	case 3:
		return rondo_mkdir("/d", 0755);
	case 4:
		return rondo_mkdir("/d/e", 0755);
	case 5:
		return rondo_symlink(other, name);
	case 6:
		return rondo_link(name, other);
	case 7:
		return rondo_setxattr(name, "user.a", "value", 5, 0);
	default:
		return rondo_stat(name, &st);
	}
}

/* Whose bytes go where is no longer known. */
static void mix(struct end e)
{
	if (e.in)
		e.in->mixed = e.in->lossy = true;
	if (e.out)
		e.out->mixed = e.out->lossy = true;
}

int op_splice(struct context *c, const struct instruction *in)
{
	struct end from = at(c, in->a), to = at(c, in->a >> 4);
	size_t len = program_size(in->b);

	mix(from);
	mix(to);
	return result(in->c & 8 ? rondo_tee(from.fd, to.fd, len, 0) :
				  rondo_splice(from.fd, -1, to.fd, -1, len, 0));
}

int op_poll(struct context *c, const struct instruction *in)
{
	int ret = rondo_poll(at(c, in->a).fd, in->b & 1 ? 1 /* POLLIN */ : 4 /* POLLOUT */);

	return ret < 0 ? ret : 0;
}

int op_futex(struct context *c, const struct instruction *in)
{
	uint32_t *word = &c->p->words[in->a % N_SLOTS];
	int ret = 0;

	switch (in->b % 4) {
	case 0:
		++*word;
		break;
	case 1:
		ret = rondo_futex_wake(word, 1 + in->b % 3);
		break;
	default:
		ret = rondo_futex_wait(word, *word);
	}
	return ret < 0 ? ret : 0;
}

int op_child(struct context *c, const struct instruction *in)
{
	int pid = rondo_sim_start_child(in->a, program_delay_ns(in->b));
	siginfo_t info;

	(void)c;
	return pid < 0 ? pid : rondo_waitid(P_PID, (id_t)pid, &info, WEXITED);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Nothing else reads or writes now: what is left must be all that is missing. */
static void drain(struct program *p, struct end e)
{
	uint8_t buf[4096];
	unsigned n_errors = 0;
	ssize_t n;

	while (n_errors < 1000 && (n = rondo_read(e.fd, buf, sizeof(buf))) != 0) {
		program_check_bytes(e.in, buf, n);
		n_errors += n < 0;
	}
	(void)p;
	if (n_errors < 1000 && !e.in->lossy && e.in->n_read != e.in->n_written)
		rondo_sim_fail("%llu bytes were written to a pipe, %llu read",
			       (unsigned long long)e.in->n_written,
			       (unsigned long long)e.in->n_read);
}

void program_io_end(struct program *p)
{
	for (unsigned i = 0; i < N_ENDS; i++)
		if (p->ends[i].out || !p->ends[i].in)
			close_end(take(p, i));
	for (unsigned i = 0; i < N_ENDS; i++)
		if (p->ends[i].in) {
			drain(p, p->ends[i]);
			close_end(take(p, i));
		}
}
