/* SPDX-License-Identifier: MIT */
/* program_net.c - instructions of programs: sockets and receivers. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "fuzz/program.h"

enum { FIRST_PORT = 7000, N_PORTS = 4 };

static struct end at(struct context *c, uint8_t which)
{
	return c->p->ends[which % N_ENDS];
}

static int result(ssize_t n)
{
	return n < 0 ? (int)n : 0;
}

int op_socketpair(struct context *c, const struct instruction *in)
{
	struct stream *there, *back;
	int fds[2], ret = rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);

	if (ret < 0)
		return ret;
	there = program_stream(c->p);
	back = program_stream(c->p);
	program_put_end(c->p, in->a, (struct end){ fds[0], back, there, true, false });
	program_put_end(c->p, in->a + 1u, (struct end){ fds[1], there, back, true, false });
	return 0;
}

int op_listen(struct context *c, const struct instruction *in)
{
	const struct rondo_listen_options o = { .backlog = in->c >> 3 & 3,
						.reuse_port = in->c & 32 };
	int fd = rondo_listen_tcp(in->b & 8 ? NULL : "127.0.0.1",
				  (uint16_t)(FIRST_PORT + in->b % N_PORTS), &o);

	if (fd < 0)
		return fd;
	program_put_end(c->p, in->a, (struct end){ .fd = fd });
	return 0;
}

int op_connect(struct context *c, const struct instruction *in)
{
	int fd = rondo_connect_tcp("127.0.0.1", (uint16_t)(FIRST_PORT + in->b % N_PORTS));

	if (fd < 0)
		return fd;
	program_put_end(c->p, in->a, (struct end){ .fd = fd, .is_stream_socket = true });
	return 0;
}

int op_accept(struct context *c, const struct instruction *in)
{
	struct sockaddr_storage addr;
	socklen_t addrlen = sizeof(addr);
	int fd = rondo_accept(at(c, in->a).fd, in->c & 8 ? (struct sockaddr *)&addr : NULL,
			      in->c & 8 ? &addrlen : NULL);

	if (fd < 0)
		return fd;
	program_put_end(c->p, in->b, (struct end){ .fd = fd, .is_stream_socket = true });
	return 0;
}

static ssize_t send_some(struct end e, void *buf, size_t len, const struct instruction *in)
{
	struct iovec iov = { buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	switch (in->c >> 3 & 3) {
	case 0:
		return rondo_send_zc(e.fd, buf, len, 0);
	case 1:
		return rondo_sendmsg(e.fd, &msg, 0);
	case 2:
		return rondo_send(e.fd, buf, len, MSG_DONTWAIT);
	default:
		return rondo_send(e.fd, buf, len, in->c & 32 ? MSG_WAITALL : 0);
	}
}

static ssize_t recv_some(struct end e, void *buf, size_t len, const struct instruction *in)
{
	struct iovec iov = { buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	switch (in->c >> 3 & 3) {
	case 0:
		return rondo_recvmsg(e.fd, &msg, 0);
	case 1:
		return rondo_recv(e.fd, buf, len, MSG_DONTWAIT);
	default:
		return rondo_recv(e.fd, buf, len, in->c & 32 ? MSG_WAITALL : 0);
	}
}

int op_send(struct context *c, const struct instruction *in)
{
	return result(program_transfer(at(c, in->a), in, true, send_some));
}

int op_recv(struct context *c, const struct instruction *in)
{
	return result(program_transfer(at(c, in->a), in, false, recv_some));
}

int op_shutdown(struct context *c, const struct instruction *in)
{
	struct end e = at(c, in->a);

	if (e.in)
		e.in->lossy = true;
	if (e.out)
		e.out->lossy = true;
	return rondo_shutdown(e.fd, in->b % 3);
}

/* --- receivers: their memory is gone as soon as rondo_receiver_end() returns ------------------ */

static void end_receiver(struct program *p, unsigned i)
{
	struct rondo_receiver *r = p->receivers[i];

	p->receivers[i] = NULL;
	p->received[i] = NULL;
	if (!r)
		return;
	rondo_receiver_end(r);
	free(r);
}

int op_receiver(struct context *c, const struct instruction *in)
{
	unsigned i = in->b % N_SLOTS;
	struct end e = at(c, in->a);

	if (c->p->receivers[i]) {
		end_receiver(c->p, i);
		return 0;
	}
	if (e.fd < 0 || !e.is_stream_socket)
		return 0;
	c->p->receivers[i] = malloc(sizeof(*c->p->receivers[i]));
	if (!c->p->receivers[i])
		return -ENOMEM;
	rondo_receiver_init(c->p->receivers[i], e.fd);
	c->p->received[i] = e.in;
	if (e.in)
		e.in->lossy = true;	/* what it has and nobody asks for is dropped */
	return 0;
}

int op_receive(struct context *c, const struct instruction *in)
{
	unsigned i = in->a % N_SLOTS;
	struct rondo_receiver *r = c->p->receivers[i];
	struct stream *s = c->p->received[i];
	uint8_t buf[300];
	const void *data = buf;
	ssize_t n;

	if (!r)
		return 0;
	n = in->b & 1 ? rondo_receiver_read(r, buf, 1 + in->b) : rondo_receiver_lend(r, &data);
	program_check_bytes(s, data, n);
	return n == 0 ? -EPIPE : result(n);
}

/* --- datagrams -------------------------------------------------------------------------------- */

static struct sockaddr_in local(unsigned which)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)(FIRST_PORT + which % N_PORTS)),
				     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static ssize_t send_datagram(struct end e, void *buf, size_t len, const struct instruction *in)
{
	struct sockaddr_in to = local(in->c >> 5);

	return rondo_sendto(e.fd, buf, len, 0, (struct sockaddr *)&to, sizeof(to));
}

static ssize_t receive_datagram(struct end e, void *buf, size_t len, const struct instruction *in)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);

	(void)in;
	return rondo_recvfrom(e.fd, buf, len, 0, (struct sockaddr *)&from, &size);
}

static int open_datagram(struct context *c, const struct instruction *in)
{
	struct sockaddr_in addr = local(in->b);
	int fd = rondo_socket(AF_INET, SOCK_DGRAM, 0), ret;

	if (fd < 0)
		return fd;
	ret = rondo_bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (ret < 0)
		rondo_close(fd);
	else
		program_put_end(c->p, in->a, (struct end){ .fd = fd });
	return ret;
}

int op_datagram(struct context *c, const struct instruction *in)
{
	struct end e = at(c, in->a);

	switch (in->c >> 3 & 3) {
	case 0:
		return open_datagram(c, in);
	case 1:
		return e.is_stream_socket ? 0 :
		       result(program_transfer(e, in, false, receive_datagram));
	default:
		return e.is_stream_socket ? 0 :
		       result(program_transfer(e, in, true, send_datagram));
	}
}

void program_net_end(struct program *p)
{
	for (unsigned i = 0; i < N_SLOTS; i++)
		end_receiver(p, i);
}
