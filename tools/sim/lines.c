/* SPDX-License-Identifier: MIT */
/* lines.c - workload: clients send numbered lines to a server that sends them back, through streams,
 * with every call that reads and writes; single calls are cut off by time limits and made again,
 * connections are cancelled and aborted under those who use them.
 *
 * What may happen to a connection while faults last: it breaks with an error. What may never: a line
 * that is not the next one, whatever was cut off before; a call that finds the stream in use or
 * closed; a client or server that does not end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

enum { LINES_PORT = 8, LINES_MAX = 12, LINE_MAX = 9000, TRIES_MAX = 4000 };
#define LINES_HOST "10.0.0.2"

struct world {
	const struct workload_run *run;
	int listener;
	bool stopping;
	unsigned n_serving;
};

/* One end of a connection. */
struct talk {
	struct world *world;
	rondo_stream *stream;
	unsigned salt, n_lines;		/* of the client */
	int fd;				/* of the server, before there is a stream */
	size_t limit;			/* of the stream */
	bool aborted;			/* under those who use it */
};

static unsigned below(unsigned n)
{
	return (unsigned)(rondo_sim_random() % n);
}

static int check_error(const struct talk *t, int ret, const char *what)
{
	bool wrong = ret == -EBUSY || ret == -EINVAL || ret == -RONDO_ELIMIT ||
		     ret == -RONDO_EWRONGLOOP || (ret == -EBADF && !t->aborted);

	return wrong ? rondo_sim_fail("%s: %s", what, rondo_strerror(ret)) : ret;
}

/* Is the stream still there? Whoever aborts it waits for those who are inside, and for nobody else. */
static bool is_there(const struct talk *t)
{
	return !t->aborted;
}

/* Call a function that loses nothing when it is cut off, until it was not. */
static int insist(rondo_fn *fn, void *arg)
{
	int ret = -ETIMEDOUT;

	for (unsigned n = below(4); n && ret == -ETIMEDOUT; n--)
		ret = rondo_wait_for(fn, arg, below(2000) / 1e5);
	return ret == -ETIMEDOUT ? fn(arg) : ret;
}

/* Line k of a connection; most are short, some are longer than a receive buffer. */
static size_t make_line(char *line, unsigned salt, unsigned k)
{
	unsigned mix = (salt * 2654435761u + k * 40503u) >> 7;
	size_t n = mix % 5 ? mix / 5 % 100 : mix / 5 % (LINE_MAX - 1);

	for (size_t i = 0; i < n; i++)
		line[i] = (char)('a' + (mix + i * 7 + i / 26) % 26);
	line[n] = '\n';
	return n + 1;
}

/* --- reading a line, in one of many ways ------------------------------------------------------ */

struct reading {
	const struct talk *talk;
	unsigned how;
	size_t len, n_done;
	char got[LINE_MAX];
};

static int keep(struct reading *r, const void *data, ssize_t n)
{
	if (n > (ssize_t)sizeof(r->got))
		return rondo_sim_fail("%zd bytes came for a line", n);
	if (n > 0)
		memcpy(r->got, data, (size_t)n);
	r->n_done = n > 0 ? (size_t)n : 0;
	return (int)n;
}

static int read_by_line(struct reading *r)
{
	const char *line = NULL;
	ssize_t n = rondo_stream_read_line(r->talk->stream, &line);

	return keep(r, line, n);
}

static int read_by_separator(struct reading *r)
{
	static const char *const ends[] = { "a#b", "\n", "z\n\n" };
	const char *data = NULL;
	ssize_t n = rondo_stream_read_until(r->talk->stream, ends, 3, &data);

	if (n == -RONDO_EINCOMPLETE)
		n = (ssize_t)rondo_stream_partial(r->talk->stream, &data);
	return keep(r, data, n);
}

static int read_by_length(struct reading *r)
{
	int ret = rondo_stream_read_exactly(r->talk->stream, r->got, r->len, &r->n_done);

	return ret < 0 && ret != -RONDO_EINCOMPLETE ? ret : (int)r->n_done;
}

static int read_by_looking(struct reading *r)
{
	const void *data = NULL;
	ssize_t n = rondo_stream_peek(r->talk->stream, r->len, &data);

	if (n <= 0)
		return (int)n;
	keep(r, data, n > (ssize_t)r->len ? (ssize_t)r->len : n);
	return (int)rondo_stream_read(r->talk->stream, r->got, r->n_done);
}

static int read_by_pieces(struct reading *r)
{
	ssize_t n = 1;

	while (r->n_done < r->len && n > 0) {
		size_t left = r->len - r->n_done;

		n = rondo_stream_read(r->talk->stream, r->got + r->n_done, 1 + below((unsigned)left));
		r->n_done += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? (int)n : (int)r->n_done;
}

static int read_somehow(void *arg)
{
	static int (*const ways[])(struct reading *) = {
		read_by_line, read_by_separator, read_by_length, read_by_looking, read_by_pieces,
	};
	struct reading *r = arg;

	return is_there(r->talk) ? ways[r->how](r) : -EBADF;
}

/* Read the next line, and be sure that it is this one. 1: it was; 0: the stream has ended. */
static int read_next(const struct talk *t, const char *line, size_t len)
{
	struct reading *r = malloc(sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	*r = (struct reading){ .talk = t, .how = below(5), .len = len };
	ret = insist(read_somehow, r);
	if (r->n_done > len || memcmp(r->got, line, r->n_done))
		rondo_sim_fail("connection %u: another line came, by way %u", t->salt, r->how);
	if (ret >= 0 && r->n_done < len && !rondo_stream_at_eof(t->stream))
		rondo_sim_fail("connection %u: no whole line came, by way %u", t->salt, r->how);
	ret = ret < 0 ? check_error(t, ret, "reading") : r->n_done == len;
	free(r);
	return ret;
}

/* --- writing one ------------------------------------------------------------------------------ */

struct writing {
	const struct talk *talk;
	char *data;
	size_t len;
};

static int write_on(void *arg)
{
	struct writing *w = arg;
	size_t part = w->len > 2 ? 1 + below((unsigned)w->len - 1) : w->len, n;
	struct iovec two[] = { { w->data, part }, { w->data + part, w->len - part } };
	int ret;

	if (!is_there(w->talk))
		return -EBADF;
	ret = rondo_stream_write_counted(w->talk->stream, two, 2, &n);
	w->data += n;
	w->len -= n;
	return ret;
}

static int flush(void *arg)
{
	const struct talk *t = arg;

	return is_there(t) ? rondo_stream_flush(t->stream) : -EBADF;
}

struct sending {
	const struct talk *talk;
	int fd;
	int64_t n_done;
};

static int send_on(void *arg)
{
	struct sending *s = arg;
	int64_t n = 0;
	int ret;

	if (!is_there(s->talk))
		return -EBADF;
	ret = rondo_stream_sendfile(s->talk->stream, s->fd, s->n_done, -1, &n);
	s->n_done += n;
	return ret;
}

/* Through a file; its own troubles end the connection as well. */
static int write_by_file(const struct talk *t, const char *line, size_t len)
{
	struct sending s = { .talk = t };
	char name[32];
	int ret;

	snprintf(name, sizeof(name), "line-%u", t->salt);
	s.fd = rondo_open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (s.fd < 0)
		return s.fd;
	ret = rondo_pwrite_all(s.fd, line, len, 0, NULL);
	if (ret == 0)
		ret = insist(send_on, &s);
	if (ret == 0 && s.n_done != (int64_t)len)
		rondo_sim_fail("%lld bytes sent of a file of %zu", (long long)s.n_done, len);
	(void)rondo_close(s.fd);
	return ret;
}

static int write_next(const struct talk *t, char *line, size_t len)
{
	struct writing w = { t, line, len };
	struct iovec two[] = { { line, len / 2 }, { line + len / 2, len - len / 2 } };
	int ret;

	if (!is_there(t))
		return -EBADF;
	switch (below(5)) {
	case 0:
		ret = rondo_stream_write(t->stream, line, len);
		break;
	case 1:
		ret = rondo_stream_writev(t->stream, two, 2);
		break;
	case 2:
		ret = rondo_stream_printf(t->stream, "%.*s", (int)len, line);
		break;
	case 3:
		ret = write_by_file(t, line, len);
		break;
	default:
		ret = insist(write_on, &w);
	}
	if (ret == 0 && below(3) == 0)
		ret = insist(flush, (void *)(uintptr_t)t);
	return ret < 0 ? check_error(t, ret, "writing") : 0;
}

static int open_stream(struct talk *t, int fd)
{
	const struct rondo_stream_options o = {
		.write_buffer = below(2) ? 0 : 1 + below(3000), .limit = below(2) ? 0 : LINE_MAX,
		.exclusive = below(2),
	};
	int ret = rondo_stream_from_fd(fd, &o, &t->stream);

	t->limit = o.limit ? o.limit : 64 << 10;
	if (ret < 0)
		(void)rondo_close(fd);
	return ret;
}

static int close_stream(struct talk *t, int ret)
{
	int closed = 0;

	if (ret < 0 && below(2))
		rondo_stream_abort(t->stream);
	else
		closed = rondo_stream_close(t->stream);
	if (closed == -EBADF)
		rondo_sim_fail("somebody else has closed a descriptor");
	return ret < 0 ? ret : closed;
}

/* --- lines that are too long ------------------------------------------------------------------ */

/* Dashes that some clients send before their first line: more than the limit of some servers. */
static size_t n_dashes(unsigned salt)
{
	return salt % 4 == 3 ? salt * 2654435761u / 128 % (3 * LINE_MAX) : 0;
}

static int send_dashes(const struct talk *t)
{
	size_t n = n_dashes(t->salt);
	char *line = malloc(n + 1);
	int ret = -ENOMEM;

	if (line) {
		memset(line, '-', n);
		line[n] = '\n';
		ret = rondo_stream_write(t->stream, line, n + 1);
	}
	free(line);
	return ret;
}

/* Too long a line is dropped in as many parts as it came in, and the last may be taken for a line. */
static int skip_dashes(const struct talk *t)
{
	const void *first = NULL;
	const char *line = NULL;
	ssize_t n, n_got = 0;

	while ((n = rondo_stream_peek(t->stream, 1, &first)) > 0 && *(const char *)first == '-') {
		n = rondo_stream_read_line(t->stream, &line);
		if (n > (ssize_t)t->limit + 1)
			return rondo_sim_fail("a line of %zd bytes was read", n);
		n_got = n > 0 ? n_got + n : n_got;
		if (n < 0 && n != -RONDO_ELIMIT)
			break;
	}
	if (n > 0 && n_got > (ssize_t)n_dashes(t->salt) + 1)
		return rondo_sim_fail("%zd bytes were read of a line that was shorter", n_got);
	return n < 0 ? check_error(t, (int)n, "dashes") : 0;
}

/* --- the server ------------------------------------------------------------------------------- */

static int echo_lines(struct talk *t)
{
	const char *first = NULL;
	char line[LINE_MAX];
	ssize_t n = rondo_stream_read_line(t->stream, &first);
	int ret;

	if (n <= 0 || first[n - 1] != '\n')
		return n < 0 ? check_error(t, (int)n, "the first line") : 0;
	t->salt = (unsigned)atoi(first);
	ret = n_dashes(t->salt) ? skip_dashes(t) : 0;
	for (unsigned k = 0; ret == 0; k++) {
		size_t len = make_line(line, t->salt, k);

		ret = read_next(t, line, len);
		if (ret > 0)
			ret = write_next(t, line, len);
		else
			return ret;
	}
	return ret;
}

static int serve_one(void *arg)
{
	struct talk *t = arg;
	int ret = open_stream(t, t->fd);

	if (ret == 0)
		ret = close_stream(t, echo_lines(t));
	t->world->n_serving--;
	free(t);
	return ret == -ECANCELED ? ret : 0;
}

static int start_serving(struct world *w, int fd)
{
	struct talk *t = malloc(sizeof(*t));
	rondo_task *task;

	if (!t)
		return -ENOMEM;
	*t = (struct talk){ .world = w, .fd = fd };
	w->n_serving++;
	task = rondo_create_task(serve_one, t);
	if (!task)
		return -ENOMEM;
	rondo_detach(task);
	return 0;
}

static int server(void *arg)
{
	struct world *w = arg;
	int ret = 0;

	w->listener = rondo_listen_tcp("0.0.0.0", LINES_PORT, NULL);
	if (w->listener < 0)
		return w->listener;
	while (!w->stopping && ret == 0) {
		int fd = rondo_accept(w->listener, NULL, NULL);

		if (fd >= 0)
			ret = start_serving(w, fd);
		else
			ret = rondo_sleep(0.05);	/* no descriptors: pause */
	}
	(void)rondo_close(w->listener);
	while (ret == 0 && w->n_serving)
		ret = rondo_sleep(0.01);
	return ret;
}

/* --- the clients ------------------------------------------------------------------------------ */

struct client {
	struct world *world;
	unsigned number, n_tries;
	bool done;
};

static int send_lines(void *arg)
{
	struct talk *t = arg;
	char line[LINE_MAX];
	int ret = is_there(t) ? rondo_stream_printf(t->stream, "%u\n", t->salt) : -EBADF;

	if (ret == 0 && n_dashes(t->salt))
		ret = is_there(t) ? send_dashes(t) : -EBADF;
	for (unsigned k = 0; k < t->n_lines && ret == 0; k++)
		ret = write_next(t, line, make_line(line, t->salt, k));
	return ret < 0 || !is_there(t) ? ret : rondo_stream_shutdown_write(t->stream);
}

static int receive_lines(void *arg)
{
	struct talk *t = arg;
	char line[LINE_MAX];
	int ret = 1;

	for (unsigned k = 0; k < t->n_lines && ret > 0; k++)
		ret = read_next(t, line, make_line(line, t->salt, k));
	if (ret <= 0 || !is_there(t))
		return ret < 0 ? ret : -ECONNRESET;	/* the server's side broke */
	ret = (int)rondo_stream_read(t->stream, line, 1);
	return ret > 0 ? rondo_sim_fail("a byte came after the last line") : ret;
}

/* Both directions at once; sometimes the stream goes under them. */
static int exchange(struct talk *t)
{
	rondo_task *tasks[] = { rondo_create_task(send_lines, t), rondo_create_task(receive_lines, t) };
	int results[2], ret;

	if (below(8))
		return close_stream(t, rondo_gather(2, tasks, NULL, RONDO_GATHER_CANCEL_REST));
	ret = rondo_sleep(below(100) / 1e3);
	t->aborted = true;
	rondo_stream_abort(t->stream);
	if (rondo_gather(2, tasks, results, RONDO_GATHER_ALL) == 0)
		ret = results[0] < 0 ? results[0] : results[1];
	return ret < 0 ? ret : -ECONNABORTED;
}

static int one_connection(void *arg)
{
	struct client *c = arg;
	struct talk t = { .world = c->world, .salt = c->number * 1000 + c->n_tries,
			  .n_lines = 1 + below(LINES_MAX) };
	int ret, fd = rondo_connect_tcp(LINES_HOST, LINES_PORT);

	if (fd < 0)
		return fd;
	ret = open_stream(&t, fd);
	if (ret == 0)
		ret = exchange(&t);
	c->done |= ret == 0;
	return ret;
}

static int client(void *arg)
{
	struct client *c = arg;
	int ret = 0;

	for (; !c->done; c->n_tries++) {
		if (c->n_tries > TRIES_MAX)
			return rondo_sim_fail("client %u got no connection through", c->number);
		ret = below(3) ? one_connection(c) :
				 rondo_wait_for(one_connection, c, below(2000) / 1e3);
		if (!c->done)
			ret = rondo_sleep(0.1 + below(1000) / 1e3);
	}
	return ret < 0 && !c->done ? ret : 0;
}

static int run_clients(struct world *w)
{
	enum { CLIENTS_MAX = 64 };
	struct client clients[CLIENTS_MAX];
	rondo_task *tasks[CLIENTS_MAX];
	unsigned n = w->run->n_tasks < CLIENTS_MAX ? w->run->n_tasks : CLIENTS_MAX;

	for (unsigned i = 0; i < n; i++) {
		clients[i] = (struct client){ .world = w, .number = i };
		tasks[i] = rondo_create_task(client, &clients[i]);
	}
	return rondo_gather(n, tasks, NULL, 0);
}

/* The server sees that it is to stop when one more connection comes. */
static int stop_server(struct world *w, int host)
{
	int ret = 0, result = 0;

	w->stopping = true;
	while (ret == 0 && !rondo_sim_host_result(host, &result)) {
		int fd = rondo_connect_tcp(LINES_HOST, LINES_PORT);

		if (fd >= 0)
			(void)rondo_close(fd);
		ret = rondo_sleep(0.5);
	}
	return ret < 0 ? ret : result;
}

static int lines_main(void *arg)
{
	struct world w = { .run = arg };
	int ret, host = rondo_sim_start_host("server", server, &w);

	if (host < 0)
		return host;
	ret = run_clients(&w);
	return ret < 0 ? ret : stop_server(&w, host);
}

const struct workload workload_lines = {
	.name = "lines", .what = "lines through streams and back, with cancels, limits and aborts",
	.main = lines_main, .n_tasks = 4,
};
