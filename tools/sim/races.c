/* SPDX-License-Identifier: MIT */
/* races.c - workload: cancels and closes that come at the very moment when something completes, and the
 * promises that hold however such a race ends: success beats cancel, and nothing is lost.
 *
 * Each round picks one of the scenarios below; none of them may take longer than PATIENCE. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sim/sim.h"

enum { PATIENCE_S = 1000, N_BYTES = 40 };

static unsigned below(unsigned n)
{
	return (unsigned)(rondo_sim_random() % n);
}

/* Around the time that things take: mostly microseconds, sometimes much more. */
static int pause_a_little(void)
{
	unsigned kind = below(8);

	return kind < 2 ? rondo_yield() :
	       kind < 7 ? rondo_sleep_ns(1 + below(20000)) : rondo_sleep_ns(1 + below(1000000000));
}

/* What a close under load, a broken peer or a lack of memory may say to those that use a socket. */
static int check_error(const char *what, int ret)
{
	if (ret >= 0 || ret == -ECANCELED || ret == -EBADF || ret == -EPIPE || ret == -ECONNRESET ||
	    ret == -ENOMEM || ret == -EMFILE || ret == -ENFILE || ret == -ETIMEDOUT || ret == -ECONNREFUSED ||
	    ret == -EIO)
		return ret;
	return rondo_sim_fail("%s said %d", what, ret);
}

/* --- no byte is lost to a cancel, and no cancel to a byte ------------------------------------ */

struct stream {
	int fds[2];
	unsigned n_read;
	unsigned n_asked, n_told;	/* cancels */
	bool over;
	rondo_task *reader;
};

static int note_cancel(struct stream *s, int ret)
{
	if (ret != -ECANCELED)
		return ret;
	s->n_told++;
	rondo_uncancel(rondo_current_task());
	return 0;
}

static int reads_all(void *arg)
{
	struct stream *s = arg;
	unsigned char buf[8];
	int ret = 1;

	while (s->n_read < N_BYTES && ret >= 0) {
		int n = (int)rondo_read(s->fds[0], buf, 1 + below(sizeof(buf)));

		for (int i = 0; i < n; i++)
			if (buf[i] != s->n_read++)
				return rondo_sim_fail("byte %u was lost", s->n_read - 1);
		ret = n == 0 ? -EPIPE : check_error("a read", note_cancel(s, n));
	}
	s->over = true;
	(void)note_cancel(s, rondo_yield());
	if (ret >= 0 && s->n_told != s->n_asked)
		rondo_sim_fail("%u cancels were asked for and %u told", s->n_asked, s->n_told);
	return ret < 0 ? ret : 0;
}

/* One at a time: several would be told as one. */
static int cancels_reader(void *arg)
{
	struct stream *s = arg;

	while (!s->over) {
		if (s->n_asked == s->n_told && rondo_cancel(s->reader))
			s->n_asked++;
		if (pause_a_little() < 0)
			return -ECANCELED;
	}
	return 0;
}

static int writes_all(struct stream *s)
{
	int ret = 0;

	for (unsigned char i = 0; i < N_BYTES && ret == 0; i++) {
		ret = rondo_write_all(s->fds[1], &i, 1, NULL);
		if (ret == 0 && below(2))
			ret = pause_a_little();
	}
	return check_error("a write", ret);
}

static int cancelled_reader(void)
{
	struct stream s = { 0 };
	rondo_task *canceller;
	int ret = below(2) ? rondo_pipe(s.fds, 0) : rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, s.fds);

	if (ret < 0)
		return check_error("a pipe", ret);
	s.reader = rondo_create_task(reads_all, &s);
	canceller = rondo_create_task(cancels_reader, &s);
	ret = writes_all(&s);
	if (ret < 0) {
		s.over = true;
		(void)rondo_close(s.fds[1]);
		s.fds[1] = -1;
	}
	(void)rondo_await(canceller);
	(void)rondo_await(s.reader);
	(void)rondo_close(s.fds[0]);
	if (s.fds[1] >= 0)
		(void)rondo_close(s.fds[1]);
	return 0;
}

/* --- no connection is lost to a cancel ------------------------------------------------------- */

struct door {
	int listener;
	uint16_t port;
	unsigned n_left;		/* clients that have not seen the end */
	rondo_task *acceptor;
};

static int accepts(void *arg)
{
	struct door *d = arg;

	while (d->n_left) {
		int fd = check_error("accept", rondo_accept(d->listener, NULL, NULL));

		if (fd >= 0 && rondo_close(fd) == -EBADF)
			rondo_sim_fail("an accepted connection was closed by somebody else");
		if (fd == -ECANCELED)
			rondo_uncancel(rondo_current_task());
		else if (fd < 0 && pause_a_little() == -ECANCELED)
			rondo_uncancel(rondo_current_task());
	}
	return 0;
}

/* Every connection is accepted in the end, and closed: its client sees that. */
static int knocks(void *arg)
{
	struct door *d = arg;
	int ret, fd;
	char c;

	do {
		fd = check_error("connect", rondo_connect_tcp("127.0.0.1", d->port));
		if (fd < 0 && pause_a_little() < 0)
			break;
	} while (fd < 0);
	if (fd >= 0) {
		ret = (int)rondo_recv(fd, &c, 1, 0);
		if (ret > 0)
			rondo_sim_fail("a byte came from nowhere");
		(void)rondo_close(fd);
	}
	d->n_left--;
	return 0;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in a = { 0 };
	socklen_t size = sizeof(a);

	return rondo_getsockname(fd, (struct sockaddr *)&a, &size) < 0 ? 0 : ntohs(a.sin_port);
}

static int cancelled_acceptor(void)
{
	enum { N = 4 };
	struct door d = { .n_left = N, .listener = rondo_listen_tcp("127.0.0.1", 0, NULL) };
	rondo_task *clients[N];
	int ret = 0;

	if (d.listener < 0)
		return check_error("listen", d.listener);
	d.port = port_of(d.listener);
	d.acceptor = rondo_create_task(accepts, &d);
	for (int i = 0; i < N; i++)
		clients[i] = rondo_create_task(knocks, &d);
	while (d.n_left && ret == 0) {
		ret = pause_a_little();
		rondo_cancel(d.acceptor);
	}
	(void)rondo_gather(N, clients, NULL, RONDO_GATHER_ALL);
	(void)rondo_await(d.acceptor);
	(void)rondo_close(d.listener);
	return ret;
}

/* --- rivals: room that was there for both is taken by one; the other blocks in a worker ------- */

enum { N_BLOCKS = 24, BLOCK_MAX = 6000 };

/* Two tasks move blocks from a pipe to a pipe or a socket; each byte bears its block's number. */
struct rivals {
	int from[2], to[2];
	bool to_pipe;			/* where blocks are of one byte and keep their order */
	unsigned n_left;		/* of two */
	rondo_task *tasks[2];
	unsigned n_read[N_BLOCKS];
};

static size_t block_size(const struct rivals *r)
{
	return r->to_pipe ? 1 : BLOCK_MAX;
}

/* Does this error leave all as it was? */
static bool is_worth_another(int error)
{
	return error == -ECANCELED || error == -ENOMEM || error == -EIO;
}

static int moves(void *arg)
{
	struct rivals *r = arg;
	int ret;

	do {
		ret = check_error("a splice", (int)rondo_splice(r->from[0], -1, r->to[1], -1,
								1 + below(2 * BLOCK_MAX), 0));
		if (ret == -ECANCELED)
			rondo_uncancel(rondo_current_task());
	} while (ret > 0 || is_worth_another(ret));
	r->n_left--;
	return ret;
}

static int cancels_rivals(void *arg)
{
	enum { N_CANCELS = 20 };	/* without an end, nothing would ever be moved */
	struct rivals *r = arg;
	int ret = 0;

	for (int i = 0; i < N_CANCELS && r->n_left && ret == 0; i++) {
		ret = pause_a_little();
		rondo_cancel(r->tasks[below(2)]);
	}
	return ret;
}

static int writes_for_rivals(struct rivals *r)
{
	char block[BLOCK_MAX];
	int ret = 0;

	for (int i = 0; i < N_BLOCKS && ret == 0; i++) {
		memset(block, i, sizeof(block));
		ret = rondo_write_all(r->from[1], block, block_size(r), NULL);
		if (ret == 0 && below(2))
			ret = pause_a_little();
	}
	return check_error("a write", ret);
}

/* Reads as it comes: each splice takes one of a pipe's few slots, however short it is. */
static int reads_moved(void *arg)
{
	struct rivals *r = arg;
	unsigned char buf[1000];
	int n, last = 0;

	while ((n = check_error("a read", (int)rondo_read(r->to[0], buf, sizeof(buf)))) > 0 ||
	       is_worth_another(n)) {
		for (int i = 0; i < n; i++) {
			if (buf[i] >= N_BLOCKS || (r->to_pipe && buf[i] < last))
				return rondo_sim_fail("a byte of block %d after one of %d", buf[i], last);
			last = buf[i];
			r->n_read[last]++;
		}
		if (below(4) == 0 && pause_a_little() < 0)
			return -ECANCELED;
	}
	return n;
}

/* Where it went well, all that was written was moved, once. */
static void check_moved(const struct rivals *r)
{
	for (int i = 0; i < N_BLOCKS; i++)
		if (r->n_read[i] != block_size(r))
			rondo_sim_fail("%u of %zu bytes of block %d were moved", r->n_read[i],
				       block_size(r), i);
}

/* A socket that holds little, so that there is no room now and then. */
static int little_socket(int fds[2])
{
	const int size = 1;		/* the least there is */
	int ret = rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);

	if (ret == 0 && rondo_setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0)
		rondo_sim_fail("a socket could not be made small");
	return ret;
}

static int rival_splices(void)
{
	struct rivals r = { .n_left = 2, .to_pipe = below(2) };
	rondo_task *canceller, *reader;
	int ret = rondo_pipe(r.from, 0), written;

	if (ret < 0)
		return check_error("a pipe", ret);
	ret = r.to_pipe ? rondo_pipe(r.to, 0) : little_socket(r.to);
	if (ret < 0) {
		(void)rondo_close(r.from[0]);
		(void)rondo_close(r.from[1]);
		return check_error("a second pipe", ret);
	}
	for (int i = 0; i < 2; i++)
		r.tasks[i] = rondo_create_task(moves, &r);
	canceller = rondo_create_task(cancels_rivals, &r);
	reader = rondo_create_task(reads_moved, &r);
	written = writes_for_rivals(&r);
	(void)rondo_close(r.from[1]);
	for (int i = 0; i < 2; i++)
		(void)rondo_await(r.tasks[i]);
	(void)rondo_await(canceller);
	(void)rondo_close(r.to[1]);
	if (rondo_await(reader) == 0 && written == 0)
		check_moved(&r);
	(void)rondo_close(r.to[0]);
	(void)rondo_close(r.from[0]);
	return 0;
}

/* --- a close ends what others wait for ------------------------------------------------------- */

static int waits_for_bytes(void *arg)
{
	const int *fds = arg;
	struct rondo_receiver r;
	char buf[16];
	int ret;

	if (below(2)) {
		ret = (int)rondo_recv(fds[0], buf, sizeof(buf), 0);
	} else {
		rondo_receiver_init(&r, fds[0]);
		ret = (int)rondo_receiver_read(&r, buf, sizeof(buf));
		rondo_receiver_end(&r);
	}
	return check_error("a receive", ret);
}

static int closed_under(void)
{
	int fds[2], ret = rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	rondo_task *reader;
	uint64_t start;

	if (ret < 0)
		return check_error("socketpair", ret);
	reader = rondo_create_task(waits_for_bytes, fds);
	ret = pause_a_little();
	if (below(2))
		ret = check_error("a send", (int)rondo_send(fds[1], "x", 1, 0));
	start = rondo_now_ns();
	if (rondo_close(fds[0]) == -EBADF)
		rondo_sim_fail("a descriptor was closed by somebody else");
	(void)rondo_await(reader);
	if (rondo_now_ns() - start > PATIENCE_S * UINT64_C(1000000000))
		rondo_sim_fail("a close did not end a receive");
	(void)rondo_close(fds[1]);
	return ret;
}

/* --- a close while a receiver is idle, and nothing else is going on ------------------------------ */

static int closed_while_idle(void)
{
	struct rondo_receiver r;
	char c;
	int fds[2], ret = rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);

	if (ret < 0)
		return check_error("socketpair", ret);
	ret = check_error("a send", (int)rondo_send(fds[1], "x", 1, 0));
	rondo_receiver_init(&r, fds[0]);
	if (ret >= 0)
		ret = check_error("a receiver", (int)rondo_receiver_read(&r, &c, 1));
	if (rondo_close(fds[0]) == -EBADF)
		rondo_sim_fail("a descriptor was closed by somebody else");
	rondo_receiver_end(&r);
	(void)rondo_close(fds[1]);
	return ret < 0 ? ret : 0;
}

/* --- a receiver that ends while bytes come --------------------------------------------------- */

static int sends_forever(void *arg)
{
	const int *fd = arg;
	char buf[3000] = "";
	int ret = 0;

	while (ret >= 0)
		ret = (int)rondo_send(*fd, buf, 1 + below(sizeof(buf)), 0);
	return 0;
}

static int ended_receiver(void)
{
	struct rondo_receiver r;
	rondo_task *sender;
	char buf[5000];
	int fds[2], ret = rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);

	if (ret < 0)
		return check_error("socketpair", ret);
	sender = rondo_create_task(sends_forever, &fds[1]);
	rondo_receiver_init(&r, fds[0]);
	for (unsigned n = below(6); n && ret >= 0; n--) {
		ret = check_error("a receiver", (int)rondo_receiver_read(&r, buf, 1 + below(sizeof(buf))));
		if (ret >= 0 && below(2))
			ret = pause_a_little();
	}
	rondo_receiver_end(&r);
	rondo_cancel(sender);
	(void)rondo_await(sender);
	(void)rondo_close(fds[0]);
	(void)rondo_close(fds[1]);
	return ret < 0 ? ret : 0;
}

/* --- tasks ----------------------------------------------------------------------------------- */

static int fails(void *arg)
{
	(void)arg;
	return pause_a_little() < 0 ? -ECANCELED : -EBADMSG;
}

static int sleeps_long(void *arg)
{
	(void)arg;
	return rondo_sleep(2 * PATIENCE_S);
}

static int failing_gather(void)
{
	rondo_task *tasks[] = { rondo_create_task(sleeps_long, NULL), rondo_create_task(fails, NULL),
				rondo_create_task(sleeps_long, NULL) };
	uint64_t start = rondo_now_ns();
	int ret = rondo_gather(3, tasks, NULL, RONDO_GATHER_CANCEL_REST);

	if (ret != -EBADMSG && ret != -ECANCELED)
		rondo_sim_fail("a gather with an error returned %d", ret);
	if (rondo_now_ns() - start > PATIENCE_S * UINT64_C(1000000000))
		rondo_sim_fail("a failed gather did not cancel the rest");
	return ret == -ECANCELED ? ret : 0;
}

static int runs(void *arg)
{
	*(bool *)arg = true;
	return rondo_yield();
}

static int cancelled_before(void)
{
	bool ran = false;
	rondo_task *t = rondo_create_task(runs, &ran);

	rondo_cancel(t);
	if (rondo_await(t) != -ECANCELED || ran)
		rondo_sim_fail("a task that was cancelled before it began has run");
	return 0;
}

/* A limit and a cancel from outside, about then. */
struct limited {
	uint64_t limit_ns;
	bool asked;
};

static int is_limited(void *arg)
{
	struct limited *l = arg;
	struct rondo_timeout limit;
	int ret = rondo_timeout_begin_at(&limit, l->limit_ns);

	if (ret < 0)
		return ret;
	ret = rondo_timeout_end(&limit, rondo_sleep(PATIENCE_S));
	if (ret == -ETIMEDOUT && rondo_cancelling(rondo_current_task()))
		rondo_sim_fail("a cancel was told as a time limit");
	if (ret == -ECANCELED && !l->asked)
		rondo_sim_fail("a time limit was told as a cancel");
	return ret;
}

static int limit_against_cancel(void)
{
	struct limited l = { .limit_ns = rondo_now_ns() + 1 + below(5000) };
	rondo_task *t = rondo_create_task(is_limited, &l);
	int ret = rondo_sleep_until(l.limit_ns + below(3000));

	l.asked = rondo_cancel(t);
	(void)rondo_await(t);
	return ret;
}

struct tied {
	uint64_t when_ns;
	unsigned n_awake;
};

static int sleeps_until(void *arg)
{
	struct tied *t = arg;
	int ret = rondo_sleep_until(t->when_ns);

	return ret < 0 ? ret : (int)t->n_awake++;
}

static int ties(void)
{
	enum { N = 6 };
	struct tied tied = { .when_ns = rondo_now_ns() + 1000 + below(100000) };
	rondo_task *tasks[N];
	int results[N], ret;

	for (int i = 0; i < N; i++)
		tasks[i] = rondo_create_task(sleeps_until, &tied);
	ret = rondo_gather(N, tasks, results, 0);
	for (int i = 0; i < N && ret == 0; i++)
		if (results[i] != i)
			rondo_sim_fail("of equal deadlines number %d came as number %d", i, results[i]);
	return ret;
}

/* --------------------------------------------------------------------------------------------- */

static int (*const scenarios[])(void) = {
	cancelled_reader, cancelled_reader, cancelled_acceptor, closed_under, ended_receiver,
	failing_gather, cancelled_before, limit_against_cancel, ties, rival_splices, closed_while_idle,
};

static int races_main(void *arg)
{
	const struct workload_run *run = arg;
	int ret = 0;

	for (unsigned i = 0; i < run->n_tasks && ret != -ECANCELED; i++)
		ret = scenarios[below(sizeof(scenarios) / sizeof(scenarios[0]))]();
	return 0;
}

static void configure(struct rondo_sim_options *o)
{
	o->faults_ns = 5000000000;
	o->end_ns = 20 * PATIENCE_S * UINT64_C(1000000000);
	if (o->seed % 4 == 0)
		o->run.sq_entries = 1;
}

const struct workload workload_races = {
	.name = "races", .what = "cancels and closes at the moment when something completes",
	.main = races_main, .n_tasks = 6, .configure = configure,
};
