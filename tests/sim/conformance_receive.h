/* SPDX-License-Identifier: MIT */
/* conformance_receive.h - scripts: receiving, also into provided buffers. */
#ifndef RONDO_TESTS_CONFORMANCE_RECEIVE_H
#define RONDO_TESTS_CONFORMANCE_RECEIVE_H

#include "sim/conformance_sockets.h"

enum { GROUP_ENTRIES = 4, GROUP_BUFFER = 8 };

/* --- RECV ------------------------------------------------------------------------------------ */

static void recv_it(struct conf *c, uint64_t id, int fd, unsigned len, int flags)
{
	ADD(c, id, recv, fd, c->buf, len, flags);
	wait_for_id(c, id);
}

static void recv_ready(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	sends(c, fds[0], "hello");
	recv_it(c, 1, fds[1], 10, 0);
	say_text(c, 10, c->buf, "hello");
}

static void recv_waits(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	ADD(c, 1, recv, fds[1], c->buf, 10, 0);
	settle(c);
	say(c, 10, c->n_cqes);
	sends(c, fds[0], "hello");
	wait_for(c, 1);
}

static void recv_tcp(struct conf *c)
{
	int fds[2];

	make_tcp_pair(c, fds);
	ADD(c, 1, recv, fds[1], c->buf, 10, 0);
	settle(c);
	sends(c, fds[0], "hello");
	wait_for(c, 1);
}

static void recv_end(struct conf *c)
{
	int fds[2];

	make_tcp_pair(c, fds);
	close_fd(c, fds[0]);
	recv_it(c, 1, fds[1], 10, 0);
}

static void recv_all(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	sends(c, fds[0], "hello");
	ADD(c, 1, recv, fds[1], c->buf, 10, MSG_WAITALL);
	settle(c);
	say(c, 10, c->n_cqes);
	sends(c, fds[0], "hello");
	wait_for(c, 1);
}

static void recv_all_cancelled(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	sends(c, fds[0], "hello");
	ADD(c, 1, recv, fds[1], c->buf, 10, MSG_WAITALL);
	settle(c);
	ADD(c, 2, cancel64, 1, 0);
	wait_for(c, 2);
}

static void recv_peek(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	sends(c, fds[0], "hello");
	recv_it(c, 1, fds[1], 3, MSG_PEEK);
	recv_it(c, 2, fds[1], 10, 0);
}

static void recv_at_once(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	recv_it(c, 1, fds[1], 3, MSG_DONTWAIT);
}

static void recv_datagram_cut(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_DGRAM, fds);
	sends(c, fds[0], "hello");
	sends(c, fds[0], "you");
	recv_it(c, 1, fds[1], 3, 0);
	recv_it(c, 2, fds[1], 10, 0);
}

static void recv_not_connected(struct conf *c)
{
	recv_it(c, 1, make_socket(c, AF_INET, SOCK_STREAM), 3, 0);
}

static void recv_no_socket(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	recv_it(c, 1, p[0], 3, 0);
}

static void recv_two_at_once(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	ADD(c, 1, recv, fds[1], c->buf, 1, 0);
	ADD(c, 2, recv, fds[1], c->other, 1, 0);
	settle(c);
	sends(c, fds[0], "ab");
	wait_for(c, 2);
	say(c, 10, c->buf[0] + c->other[0] - 'a' - 'b');
}

static void read_socket(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	sends(c, fds[0], "hello");
	ADD(c, 1, read, fds[1], c->buf, 10, 0);
	ADD(c, 2, write, fds[1], "hi", 2, 0);
	wait_for(c, 2);
}

static void poll_socket_ended(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	close_fd(c, fds[0]);
	ADD(c, 1, poll_add, fds[1], POLLIN | POLLOUT | POLLRDHUP);
	wait_for(c, 1);
}

static void poll_socket_new(struct conf *c)
{
	ADD(c, 1, poll_add, make_socket(c, AF_INET, SOCK_STREAM), POLLIN | POLLOUT);
	wait_for(c, 1);
}

/* --- RECVMSG --------------------------------------------------------------------------------- */

static void recvmsg_it(struct conf *c, int fd, int flags)
{
	struct iovec iov[2] = { { c->buf, 3 }, { c->other, 1 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	ADD(c, 1, recvmsg, fd, &m, (unsigned)flags);
	wait_for(c, 1);
	say(c, 10, m.msg_flags & MSG_TRUNC);
}

static void recvmsg_stream(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	sends(c, fds[0], "hello");
	recvmsg_it(c, fds[1], 0);
}

static void recvmsg_datagram(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_DGRAM, fds);
	sends(c, fds[0], "hello");
	recvmsg_it(c, fds[1], 0);
}

static void recvmsg_whole_length(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_DGRAM, fds);
	sends(c, fds[0], "hello");
	recvmsg_it(c, fds[1], MSG_TRUNC);
}

static void recvmsg_no_socket(struct conf *c)
{
	recvmsg_it(c, c->root, 0);
}

/* --- provided buffers ------------------------------------------------------------------------ */

/* Group 0, with n buffers of 8 bytes. */
static void provide(struct conf *c, unsigned n)
{
	static struct io_uring_buf_ring *ring;
	struct io_uring_buf_reg reg = { .ring_entries = GROUP_ENTRIES, .bgid = 0 };

	if (!ring)
		ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	BUG_ON(ring == MAP_FAILED);
	memset(ring, 0, 4096);
	reg.ring_addr = (uintptr_t)ring;
	for (unsigned i = 0; i < n; i++)
		io_uring_buf_ring_add(ring, c->other + i * GROUP_BUFFER, GROUP_BUFFER,
				      (unsigned short)i, GROUP_ENTRIES - 1, (int)i);
	if (c->kernel->register_(c->kernel, (unsigned)c->ring.uring.ring_fd,
				 IORING_REGISTER_PBUF_RING, &reg, 1) < 0) {
		c->skipped = true;
		return;
	}
	c->group = ring;
	io_uring_buf_ring_advance(ring, (int)n);
}

static void recv_selected(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	provide(c, 2);
	sends(c, fds[0], "hello");
	ADD(c, 1, recv, fds[1], NULL, 0, 0)->flags = IOSQE_BUFFER_SELECT;
	wait_for(c, 1);
	say(c, 10, c->lines[0].flags & IORING_CQE_F_BUFFER ? !memcmp(c->other, "hello", 5) : 2);
}

static void recv_tells_of_more(struct conf *c)
{
	int fds[2];

	c->shows_nonempty = true;
	make_tcp_pair(c, fds);
	provide(c, 2);
	sends(c, fds[0], "0123456789");
	ADD(c, 1, recv, fds[1], NULL, 0, 0)->flags = IOSQE_BUFFER_SELECT;
	wait_for(c, 1);
}

static void recv_selected_waits(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	provide(c, 2);
	ADD(c, 1, recv, fds[1], NULL, 3, 0)->flags = IOSQE_BUFFER_SELECT;
	settle(c);
	sends(c, fds[0], "hello");
	wait_for(c, 1);
}

static void recv_none_to_select(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	provide(c, 0);
	sends(c, fds[0], "hello");
	ADD(c, 1, recv, fds[1], NULL, 0, 0)->flags = IOSQE_BUFFER_SELECT;
	wait_for(c, 1);
	recv_it(c, 2, fds[1], 10, 0);	/* the bytes are still there */
}

static void recv_no_group(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	sends(c, fds[0], "hello");
	ADD(c, 1, recv, fds[1], NULL, 0, 0)->flags = IOSQE_BUFFER_SELECT;
	wait_for(c, 1);
}

static bool is_over(const struct conf *c)
{
	return c->n_cqes && !(c->lines[c->n_lines - 1].flags & IORING_CQE_F_MORE);
}

static void add_multishot(struct conf *c, int fd)
{
	ADD(c, 1, recv_multishot, fd, NULL, 0, 0)->flags = IOSQE_BUFFER_SELECT;
}

/* Two buffers, three datagrams. */
static void recv_until_none_is_left(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_DGRAM, fds);
	provide(c, 2);
	for (unsigned i = 0; i < 3; i++)
		sends(c, fds[0], "hello");
	add_multishot(c, fds[1]);
	submit(c);
	CONF_AWAIT(c, is_over(c));
}

static void recv_until_the_end(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	provide(c, 4);
	sends(c, fds[0], "hello");
	close_fd(c, fds[0]);
	add_multishot(c, fds[1]);
	submit(c);
	CONF_AWAIT(c, is_over(c));
}

static void recv_multishot_cancelled(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	provide(c, 4);
	add_multishot(c, fds[1]);
	settle(c);
	ADD(c, 2, cancel64, 1, 0);
	wait_for(c, 2);
}

static void recv_multishot_alone(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	provide(c, 4);
	ADD(c, 1, recv_multishot, fds[1], NULL, 0, 0);
	wait_for(c, 1);
}

static const struct script receive_scripts[] = {
	SCRIPT(RECV, recv_ready, .exact = "1=5 10=1", .also = "1=1..4 10=0"),
	SCRIPT(RECV, recv_waits, .exact = "1=5 10=0", .also = "1=1..4 10=0"),
	SCRIPT(RECV, recv_tcp, .exact = "1=5", .also = "1=1..4"),
	SCRIPT(RECV, recv_end, .exact = "1=0"),
	SCRIPT(RECV, recv_all, .exact = "1=10 10=0"),
	SCRIPT(RECV, recv_all_cancelled, .exact = "1=5 2=0", .also = "1=-ECANCELED 2=0"),
	SCRIPT(RECV, recv_peek, .exact = "1=3 2=5", .also = "1=1..3 2=1..5"),
	SCRIPT(RECV, recv_at_once, .exact = "1=-EAGAIN"),
	SCRIPT(RECV, recv_datagram_cut, .exact = "1=3 2=3"),
	SCRIPT(RECV, recv_not_connected, .exact = "1=-ENOTCONN"),
	SCRIPT(RECV, recv_no_socket, .exact = "1=-ENOTSOCK"),
	SCRIPT(RECV, recv_two_at_once, .exact = "1=1 2=1 10=0"),
	SCRIPT(READ, read_socket, .exact = "1=5 2=2", .also = "1=1..5 2=1..2"),
	SCRIPT(POLL_ADD, poll_socket_ended, .exact = "1=8213"),
	SCRIPT(POLL_ADD, poll_socket_new, .exact = "1=20"),
	SCRIPT(RECVMSG, recvmsg_stream, .exact = "1=4 10=0", .also = "1=1..3 10=0"),
	SCRIPT(RECVMSG, recvmsg_datagram, .exact = "1=4 10=32"),
	SCRIPT(RECVMSG, recvmsg_whole_length, .exact = "1=5 10=32"),
	SCRIPT(RECVMSG, recvmsg_no_socket, .exact = "1=-ENOTSOCK 10=0"),
	SCRIPT(RECV, recv_selected, .exact = "1=5+buffer 10=1",
	       .also = "1=1..4+buffer 10=0 | 1=-ENOBUFS 10=2"),
	SCRIPT(RECV, recv_tells_of_more, .exact = "1=8+buffer+nonempty",
	       .also = "1=1..8+buffer+nonempty | 1=1..8+buffer | 1=-ENOBUFS"),
	SCRIPT(RECV, recv_selected_waits, .exact = "1=3+buffer",
	       .also = "1=1..2+buffer | 1=-ENOBUFS"),
	SCRIPT(RECV, recv_none_to_select, .exact = "1=-ENOBUFS 2=5", .also = "1=-ENOBUFS 2=1..4"),
	SCRIPT(RECV, recv_no_group, .exact = "1=-ENOBUFS"),
	SCRIPT(RECV, recv_until_none_is_left,
	       .exact = "1=5+buffer+more 1=5+buffer+more 1=-ENOBUFS",
	       .also = "1=5+buffer+more* 1=5+buffer | 1=5+buffer+more* 1=-ENOBUFS"),
	SCRIPT(RECV, recv_until_the_end, .exact = "1=5+buffer+more 1=0",
	       .also = "1=1..5+buffer+more* 1=0/-ENOBUFS | 1=1..5+buffer+more* 1=1..5+buffer"),
	SCRIPT(RECV, recv_multishot_cancelled, .exact = "1=-ECANCELED 2=0"),
	SCRIPT(RECV, recv_multishot_alone, .exact = "1=-EINVAL"),
};
#endif
