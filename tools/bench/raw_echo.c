/* SPDX-License-Identifier: MIT */
/*
 * raw_echo.c - an echo server written straight against io_uring, without coroutines.
 *
 * It is the limit that rondo's echo is held against, so it is meant to be as good as a careful
 * programmer makes it: one ring with deferred task work, a registered ring descriptor, multishot
 * accept, one enter per turn, and for receiving either multishot into one small shared buffer ring
 * (small, because it is cycled through: its footprint in the cache costs more than any system
 * call) or one-shot into a buffer of the connection. Descriptors are plain, as rondo's are.
 *
 * Bytes of one connection go out in order and one send at a time. A client that sends without ever
 * reading can hold all shared buffers; a server for strangers would have to cap that.
 */
#define _GNU_SOURCE 1
#include "bench.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SQ_ENTRIES = 1024,
	CQ_ENTRIES = 8192,
	BUFFER_GROUP = 0,
	NO_CHUNK = 0xffff,
};

/* The low bits of user_data; the rest is the connection's address. */
enum tag { TAG_ACCEPT, TAG_STOP, TAG_RECV, TAG_SEND, TAG_MASK = 7 };

/* What is known of a shared buffer while it is ours: its bytes and who waits behind it. */
struct chunk {
	uint32_t n_bytes;
	uint16_t next;
};

struct conn {
	int fd;
	bool recv_armed;	/* a recv is in the kernel; its last CQE has not come */
	bool sending;		/* the first chunk is being sent; wait for it */
	bool eof;		/* the peer sends no more: close when all is answered */
	bool dead;		/* the socket failed: close when the kernel is done with us */
	bool starved;		/* in the server's list of those that wait for a buffer */
	/* The list of silent sends that the current send is in; 0 when it will post a CQE. */
	uint8_t silent_list;
	uint8_t n_listed;	/* places that hold us in a list of silent sends */
	const char *out;	/* what is left of the first chunk */
	size_t n_out;
	uint16_t first, last;	/* received chunks (buffer ids) in order; NO_CHUNK: none */
	struct conn *next_starved;
	char *own;		/* one-shot modes: the connection's buffer */
};

/* Connections with a send that posts a CQE only when it fails. */
struct silent_sends {
	struct conn **conns;
	unsigned n_conns, n_slots;
};

struct server {
	struct io_uring ring;
	enum raw_echo_mode mode;
	int listen_fd;
	unsigned n_conns;
	bool accept_paused;	/* out of descriptors: accept again after the next close */
	bool stop;
	int error;		/* what ends the loop; 0: nothing wrong */
	struct io_uring_buf_ring *buf_ring;
	char *buffers;
	struct chunk *chunks;
	unsigned n_buffers, buffer_bytes, n_lent;	/* lent: not in the buffer ring */
	struct conn *starved_first, **starved_end;
	struct silent_sends silent[2];
	unsigned turn;		/* its parity says which list this turn's sends join */
	bool hurry;		/* a chunk or a close waits for a silent send's end */
	uint64_t *n_enters, uncounted;
};

static const char *const mode_names[RAW_ECHO_N_MODES] = {
	[RAW_ECHO_MSSKIP] = "raw-msskip", [RAW_ECHO_MSINC] = "raw-msinc",
	[RAW_ECHO_MS] = "raw-ms",	  [RAW_ECHO_OS] = "raw-os",
	[RAW_ECHO_OSTRY] = "raw-ostry",
};

const char *raw_echo_mode_name(enum raw_echo_mode mode)
{
	return mode_names[mode];
}

static bool is_multishot(const struct server *s)
{
	return s->mode != RAW_ECHO_OS && s->mode != RAW_ECHO_OSTRY;
}

static bool sends_inline(const struct server *s)
{
	return s->mode == RAW_ECHO_MSINC || s->mode == RAW_ECHO_OSTRY;
}

/* One io_uring_enter: with something to submit or to wait for, liburing makes exactly one. */
static int enter(struct server *s, unsigned n_wait)
{
	int ret;

	__atomic_store_n(s->n_enters, *s->n_enters + 1, __ATOMIC_RELAXED);
	ret = io_uring_submit_and_wait(&s->ring, n_wait);
	return ret == -EINTR || ret == -EAGAIN || ret == -EBUSY ? 0 : ret;
}

/* Makes room for what handling one completion submits at most, so that none of it can fail. */
static void reserve_sqes(struct server *s)
{
	enum { AT_MOST = 4 };
	int ret;

	if (io_uring_sq_space_left(&s->ring) >= AT_MOST)
		return;
	ret = enter(s, 0);
	if (ret >= 0 && io_uring_sq_space_left(&s->ring) < AT_MOST)
		ret = -EBUSY;
	if (ret < 0)
		s->error = ret;
}

static void set_tag(struct io_uring_sqe *sqe, struct conn *c, enum tag tag)
{
	sqe->user_data = (uintptr_t)c | tag;
}

static void arm_accept(struct server *s)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	io_uring_prep_multishot_accept(sqe, s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	set_tag(sqe, NULL, TAG_ACCEPT);
	s->accept_paused = false;
}

static void arm_recv(struct server *s, struct conn *c)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	if (is_multishot(s)) {
		io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = BUFFER_GROUP;
	} else {
		io_uring_prep_recv(sqe, c->fd, c->own, s->buffer_bytes, 0);
	}
	set_tag(sqe, c, TAG_RECV);
	c->recv_armed = true;
}

static void give_buffer(struct server *s, unsigned id)
{
	io_uring_buf_ring_add(s->buf_ring, s->buffers + (size_t)id * s->buffer_bytes,
			      s->buffer_bytes, (unsigned short)id,
			      io_uring_buf_ring_mask(s->n_buffers), 0);
	io_uring_buf_ring_advance(s->buf_ring, 1);
	s->n_lent--;
}

static void load_first_chunk(struct server *s, struct conn *c)
{
	c->out = s->buffers + (size_t)c->first * s->buffer_bytes;
	c->n_out = s->chunks[c->first].n_bytes;
}

/* The list (1 or 2, as in silent_list) that this turn's silent sends join. */
static uint8_t current_list(const struct server *s)
{
	return (uint8_t)(1 + (s->turn & 1));
}

static void push_chunk(struct server *s, struct conn *c, unsigned id, unsigned n_bytes)
{
	s->chunks[id] = (struct chunk){ .n_bytes = n_bytes, .next = NO_CHUNK };
	if (c->first != NO_CHUNK) {
		s->chunks[c->last].next = (uint16_t)id;
		c->last = (uint16_t)id;
		s->hurry |= c->silent_list == current_list(s);
		return;
	}
	c->first = c->last = (uint16_t)id;
	load_first_chunk(s, c);
}

/* Drops the first chunk; the next one, if any, becomes what is to be sent. */
static void pop_chunk(struct server *s, struct conn *c)
{
	unsigned id = c->first;

	c->n_out = 0;
	if (id == NO_CHUNK)
		return;
	c->first = s->chunks[id].next;
	give_buffer(s, id);
	if (c->first != NO_CHUNK)
		load_first_chunk(s, c);
}

/* Closes and frees a finished connection, once neither the kernel nor a list holds it. */
static void release(struct server *s, struct conn *c)
{
	if (!(c->eof || c->dead) || c->recv_armed || c->sending || c->starved || c->n_listed ||
	    c->n_out)
		return;
	close(c->fd);
	free(c->own);
	free(c);
	s->n_conns--;
	if (s->accept_paused)
		arm_accept(s);
}

/* Gives up a connection. Shutting it down makes a recv that is still armed complete. */
static void fail(struct server *s, struct conn *c)
{
	if (!c->dead)
		shutdown(c->fd, SHUT_RDWR);
	c->dead = true;
	while (c->n_out && !c->sending)
		pop_chunk(s, c);
}

static bool join_silent(struct server *s, struct conn *c)
{
	struct silent_sends *silent = &s->silent[current_list(s) - 1];

	if (silent->n_conns == silent->n_slots)
		return false;
	silent->conns[silent->n_conns++] = c;
	c->silent_list = current_list(s);
	c->n_listed++;
	s->hurry |= c->first != c->last || c->eof;
	return true;
}

/*
 * A silent send must not outlast its submission, since its buffer is used again right after:
 * MSG_DONTWAIT sees to that. A send that could not take every byte at once then fails, posts what
 * it sent or -EAGAIN, and the rest goes out in an ordinary send, which the kernel completes.
 */
static void submit_send(struct server *s, struct conn *c, bool silent)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);
	int flags = MSG_NOSIGNAL | MSG_WAITALL;

	silent = silent && join_silent(s, c);
	io_uring_prep_send(sqe, c->fd, c->out, c->n_out, silent ? flags | MSG_DONTWAIT : flags);
	if (silent)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	set_tag(sqe, c, TAG_SEND);
	c->sending = true;
}

/* Returns 0 when every byte went, -EAGAIN when the socket is full, or what is wrong with it. */
static int send_inline(struct conn *c)
{
	ssize_t n = send(c->fd, c->out, c->n_out, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	c->out += n;
	c->n_out -= (size_t)n;
	return c->n_out ? -EAGAIN : 0;
}

/* The first chunk is sent whole. */
static void finish_chunk(struct server *s, struct conn *c)
{
	pop_chunk(s, c);
	if (!is_multishot(s) && !c->eof && !c->dead)
		arm_recv(s, c);
}

/* Starts sending what was received, unless a send is under way already. */
static void pump(struct server *s, struct conn *c)
{
	while (c->n_out && !c->sending && !c->dead) {
		int ret = sends_inline(s) ? send_inline(c) : -EAGAIN;

		if (ret == 0)
			finish_chunk(s, c);
		else if (ret == -EAGAIN)
			submit_send(s, c, s->mode == RAW_ECHO_MSSKIP);
		else
			fail(s, c);
	}
}

static void on_send(struct server *s, struct conn *c, int res)
{
	c->sending = false;
	c->silent_list = 0;
	if (c->dead || (res < 0 && res != -EAGAIN && res != -EINTR)) {
		fail(s, c);
	} else {
		if (res > 0) {
			c->out += res;
			c->n_out -= (size_t)res;
		}
		if (c->n_out)
			submit_send(s, c, false);
		else
			finish_chunk(s, c);
	}
	pump(s, c);
	release(s, c);
}

/* Sends that were submitted silently and have not complained are done. */
static void settle_silent(struct server *s, uint8_t list)
{
	struct silent_sends *silent = &s->silent[list - 1];

	for (unsigned i = 0; i < silent->n_conns; i++) {
		struct conn *c = silent->conns[i];

		reserve_sqes(s);
		if (s->error)
			return;
		c->n_listed--;
		if (c->silent_list == list)
			on_send(s, c, (int)c->n_out);
		else
			release(s, c);
	}
	silent->n_conns = 0;
}

static void starve(struct server *s, struct conn *c)
{
	c->starved = true;
	c->next_starved = NULL;
	*s->starved_end = c;
	s->starved_end = &c->next_starved;
}

/* Arms again those that found no buffer: no more of them than there are buffers, in their order. */
static void feed_starved(struct server *s)
{
	for (unsigned n = s->n_buffers - s->n_lent; n > 0 && s->starved_first; n--) {
		struct conn *c = s->starved_first;

		reserve_sqes(s);
		if (s->error)
			return;
		s->starved_first = c->next_starved;
		if (!s->starved_first)
			s->starved_end = &s->starved_first;
		c->starved = false;
		if (!c->eof && !c->dead)
			arm_recv(s, c);
		release(s, c);
	}
}

static void take_data(struct server *s, struct conn *c, const struct io_uring_cqe *cqe)
{
	if (!is_multishot(s)) {
		c->out = c->own;
		c->n_out = (size_t)cqe->res;
	} else {
		push_chunk(s, c, cqe->flags >> IORING_CQE_BUFFER_SHIFT, (unsigned)cqe->res);
	}
}

static void see_eof(struct server *s, struct conn *c)
{
	c->eof = true;
	s->hurry |= c->silent_list == current_list(s);
}

static void on_recv(struct server *s, struct conn *c, const struct io_uring_cqe *cqe)
{
	c->recv_armed = cqe->flags & IORING_CQE_F_MORE;
	if (cqe->flags & IORING_CQE_F_BUFFER)
		s->n_lent++;
	if (cqe->res > 0 && !c->dead)
		take_data(s, c, cqe);
	else if (cqe->flags & IORING_CQE_F_BUFFER)
		give_buffer(s, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
	if (cqe->res == 0)
		see_eof(s, c);
	else if (cqe->res == -ENOBUFS)
		starve(s, c);
	else if (cqe->res < 0)
		fail(s, c);
	else if (is_multishot(s) && !c->recv_armed && !c->dead)
		arm_recv(s, c);
	pump(s, c);
	release(s, c);
}

static int new_conn(struct server *s, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->fd = fd;
	c->first = NO_CHUNK;
	if (!is_multishot(s)) {
		c->own = malloc(s->buffer_bytes);
		if (!c->own) {
			free(c);
			return -ENOMEM;
		}
	}
	s->n_conns++;
	arm_recv(s, c);
	return 0;
}

static void on_accept(struct server *s, const struct io_uring_cqe *cqe)
{
	int res = cqe->res;

	if (res >= 0 && new_conn(s, res) < 0)
		close(res);
	if (cqe->flags & IORING_CQE_F_MORE)
		return;
	/* Accepting again at once would only fail again; the next close makes room. */
	if ((res == -EMFILE || res == -ENFILE || res == -ENOMEM) && s->n_conns > 0)
		s->accept_paused = true;
	else if (res >= 0 || res == -ECONNABORTED || res == -EINTR || res == -EAGAIN)
		arm_accept(s);
	else
		s->error = res;
}

static void on_cqe(struct server *s, const struct io_uring_cqe *cqe)
{
	struct conn *c = (struct conn *)(uintptr_t)(cqe->user_data & ~(uint64_t)TAG_MASK);

	switch ((enum tag)(cqe->user_data & TAG_MASK)) {
	case TAG_ACCEPT:
		on_accept(s, cqe);
		break;
	case TAG_RECV:
		on_recv(s, c, cqe);
		break;
	case TAG_SEND:
		on_send(s, c, cqe->res);
		break;
	case TAG_STOP:
		s->stop = true;
		break;
	default:
		abort();
	}
}

static void reap(struct server *s)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	io_uring_for_each_cqe(&s->ring, head, cqe) {
		reserve_sqes(s);
		if (s->error)
			return;
		on_cqe(s, cqe);
		n++;
	}
	io_uring_cq_advance(&s->ring, n);
}

/* Silent sends end without waking us: when anything waits for one, submit and only look. */
static unsigned n_to_wait_for(const struct server *s)
{
	bool held_up = s->hurry || (s->starved_first && s->silent[current_list(s) - 1].n_conns);

	return held_up ? 0 : 1;
}

static void enter_and_reap(struct server *s, unsigned n_wait)
{
	int ret = enter(s, n_wait);

	if (ret < 0)
		s->error = ret;
	reap(s);
}

static void serve(struct server *s)
{
	while (!s->stop && !s->error) {
		uint8_t submitted = current_list(s);
		unsigned n_wait = n_to_wait_for(s);

		/* What is sent while reaping is not submitted yet, and joins the other list. */
		s->turn++;
		s->hurry = false;
		enter_and_reap(s, n_wait);
		/* A failed send may be among what overflowed, and settling must know of it. */
		while (!s->error && io_uring_cq_has_overflow(&s->ring))
			enter_and_reap(s, 1);
		settle_silent(s, submitted);
		feed_starved(s);
	}
}

static int set_up_ring(struct server *s)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		.cq_entries = CQ_ENTRIES,
	};
	int ret = io_uring_queue_init_params(SQ_ENTRIES, &s->ring, &params);

	if (ret < 0)
		return ret;
	ret = io_uring_register_ring_fd(&s->ring);
	return ret < 0 ? ret : 0;
}

static void *map_memory(size_t size_bytes)
{
	void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int set_up_buffers(struct server *s)
{
	struct io_uring_buf_reg reg = { .ring_entries = s->n_buffers, .bgid = BUFFER_GROUP };
	int ret;

	s->buf_ring = map_memory(s->n_buffers * sizeof(struct io_uring_buf));
	s->buffers = map_memory((size_t)s->n_buffers * s->buffer_bytes);
	s->chunks = calloc(s->n_buffers, sizeof(*s->chunks));
	if (!s->buf_ring || !s->buffers || !s->chunks)
		return -ENOMEM;
	reg.ring_addr = (uintptr_t)s->buf_ring;
	ret = io_uring_register_buf_ring(&s->ring, &reg, 0);
	if (ret)
		return ret;
	io_uring_buf_ring_init(s->buf_ring);
	s->n_lent = s->n_buffers;
	for (unsigned id = 0; id < s->n_buffers; id++)
		give_buffer(s, id);
	return 0;
}

static int set_up(struct server *s)
{
	int ret = set_up_ring(s);

	if (ret == 0 && is_multishot(s))
		ret = set_up_buffers(s);
	for (int i = 0; ret == 0 && i < 2; i++) {
		s->silent[i].conns = calloc(s->n_buffers, sizeof(struct conn *));
		s->silent[i].n_slots = s->n_buffers;
		if (!s->silent[i].conns)
			ret = -ENOMEM;
	}
	return ret;
}

/*
 * Closing a ring does not stop the kernel from writing into buffers of operations in flight, so
 * nothing is taken down here: the process that serves ends next, and its memory with it.
 */
int raw_echo_serve(int listen_fd, void *ctx)
{
	const struct raw_echo_options *o = ctx;
	struct server s = {
		.mode = o->mode,
		.listen_fd = listen_fd,
		.n_buffers = o->n_buffers ? o->n_buffers : 512,
		.buffer_bytes = o->buffer_bytes ? o->buffer_bytes : 4096,
	};
	int ret;

	s.n_enters = o->n_enters ? o->n_enters : &s.uncounted;
	s.starved_end = &s.starved_first;
	ret = set_up(&s);
	if (ret < 0)
		return ret;
	if (o->stop_fd >= 0) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&s.ring);

		io_uring_prep_poll_add(sqe, o->stop_fd, POLLIN);
		set_tag(sqe, NULL, TAG_STOP);
	}
	arm_accept(&s);
	serve(&s);
	return s.error;
}
