/* SPDX-License-Identifier: MIT */
/* dns_cares_socket.c - the sockets that c-ares believes to read and write by itself. */
#include <string.h>
#include <sys/syscall.h>

#include "stream/dns_cares.h"
#include "switch/sanitizer.h"

static int failed(int error)
{
	errno = -error;
	return -1;
}

static struct dns_socket *socket_of(struct lookup *l, int fd)
{
	for (int i = 0; i < N_SOCKETS; i++)
		if (l->sockets[i].fd == fd && !l->sockets[i].closing)
			return &l->sockets[i];
	return NULL;
}

/* They block, as far as the kernel knows: only the ring waits on them (KN-20). */
static ares_socket_t open_socket(int family, int type, int protocol, void *arg)
{
	struct lookup *l = arg;
	struct dns_socket *s = socket_of(l, -1);
	int fd;

	if (!s)
		return failed(-EMFILE);
	fd = (int)kernel_call3(dns_lookup_kernel(l), SYS_socket, family, type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return failed(fd);
	s->lookup = l;
	s->fd = fd;
	s->stream = type == SOCK_STREAM;
	s->connected = s->wants_in = s->wants_out = s->is_out = s->has_data = false;
	s->error = 0;
	return fd;
}

static void connected(struct op *op, const struct io_uring_cqe *cqe)
{
	struct dns_socket *s = container_of(op, struct dns_socket, out);

	s->out_flight = false;
	s->error = cqe->res < 0 ? cqe->res : 0;
	s->connected = s->is_out = true;
	dns_lookup_wake(s->lookup);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t size, void *arg)
{
	struct lookup *l = arg;
	struct dns_socket *s = socket_of(l, fd);
	struct io_uring_sqe *sqe;
	int ret;

	memcpy(&s->peer, to, size);
	s->peer_size = size;
	if (!s->stream) {
		ret = (int)kernel_call3(dns_lookup_kernel(l), SYS_connect, fd, to, size);
		s->connected = ret == 0;
		return ret < 0 ? failed(ret) : 0;
	}
	sqe = rondo__op_begin_owned(l->loop, &s->out, connected);
	io_uring_prep_connect(sqe, fd, (struct sockaddr *)&s->peer, size);
	rondo__op_start(l->loop, &s->out);
	s->out_flight = true;
	return failed(-EINPROGRESS);
}

/* A query is far smaller than a socket's buffer, so it goes out whole or there is an error. */
static ares_ssize_t send_packet(ares_socket_t fd, const struct iovec *iov, int n_iov, void *arg)
{
	struct lookup *l = arg;
	const struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
				  .msg_iovlen = (size_t)n_iov };
	long ret = socket_of(l, fd)->error;

	if (ret == 0)
		ret = kernel_call3(dns_lookup_kernel(l), SYS_sendmsg, fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	return ret < 0 ? failed((int)ret) : ret;
}

/* Only our server's: the socket is connected, and the kernel drops what others send. */
static ares_ssize_t receive_packet(ares_socket_t fd, void *buf, size_t size, int flags,
				   struct sockaddr *from, ares_socklen_t *from_size, void *arg)
{
	struct dns_socket *s = socket_of(arg, fd);
	int n;

	(void)flags;
	if (!s->has_data)
		return failed(-EAGAIN);
	if (from && *from_size >= s->peer_size) {
		memcpy(from, &s->peer, s->peer_size);
		*from_size = s->peer_size;
	}
	n = s->n_data - s->n_taken;
	s->has_data = s->stream && n > 0 && (size_t)n > size;
	if (n < 0)
		return failed(n);
	if ((size_t)n > size)
		n = (int)size;
	memcpy(buf, s->data + s->n_taken, (size_t)n);
	s->n_taken += n;
	return n;
}

static int close_socket(ares_socket_t fd, void *arg)
{
	struct lookup *l = arg;
	struct dns_socket *s = socket_of(l, fd);

	s->closing = true;
	if (l->lost)
		return 0;
	if (s->in_flight)
		rondo__op_cancel(l->loop, &s->in);
	if (s->out_flight)
		rondo__op_cancel(l->loop, &s->out);
	return 0;
}

const struct ares_socket_functions rondo__dns_socket_functions = {
	.asocket = open_socket, .aclose = close_socket, .aconnect = connect_socket,
	.arecvfrom = receive_packet, .asendv = send_packet,
};

void rondo__dns_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_socket *s = socket_of(arg, fd);

	if (!s)
		return;
	s->wants_in = readable;
	s->wants_out = writable;
}

static void received(struct op *op, const struct io_uring_cqe *cqe)
{
	struct dns_socket *s = container_of(op, struct dns_socket, in);

	s->in_flight = false;
	s->n_taken = 0;
	s->n_data = cqe->res;
	s->has_data = !op_interrupted(cqe->res);
	if (cqe->res > 0)
		san_kernel_wrote(s->data, (size_t)cqe->res);
	dns_lookup_wake(s->lookup);
}

static void receive(struct dns_socket *s)
{
	struct loop *l = s->lookup->loop;
	struct io_uring_sqe *sqe = rondo__op_begin_owned(l, &s->in, received);

	io_uring_prep_recv(sqe, s->fd, s->data, sizeof(s->data), 0);
	rondo__op_start(l, &s->in);
	s->in_flight = true;
}

/* Give up a socket that was closed, once nothing is in flight on it. Returns true if it is. */
static bool is_gone(struct dns_socket *s)
{
	if (s->fd >= 0 && s->closing && !s->in_flight && !s->out_flight) {
		kernel_call2(dns_lookup_kernel(s->lookup), SYS_close, s->fd, 0);
		s->fd = -1;
		s->closing = false;
	}
	return s->fd < 0;
}

bool rondo__dns_sockets_begin(struct lookup *l)
{
	bool ready = false;

	for (int i = 0; i < N_SOCKETS; i++) {
		struct dns_socket *s = &l->sockets[i];

		if (is_gone(s) || s->closing)
			continue;
		if (s->connected && !s->error && s->wants_in && !s->in_flight && !s->has_data)
			receive(s);
		ready |= s->has_data || (s->is_out && s->wants_out);
	}
	return ready;
}

void rondo__dns_sockets_process(struct lookup *l)
{
	for (int i = 0; i < N_SOCKETS; i++) {
		struct dns_socket *s = &l->sockets[i];

		if (s->fd < 0 || s->closing)
			continue;
		if (s->is_out && s->wants_out)
			ares_process_fd(l->channel, ARES_SOCKET_BAD, s->fd);
		for (int before = -1; s->has_data && !s->closing && before != s->n_taken;) {
			before = s->n_taken;
			l->heard = true;
			ares_process_fd(l->channel, s->fd, ARES_SOCKET_BAD);
		}
		s->has_data = false;
	}
}

bool rondo__dns_sockets_gone(struct lookup *l)
{
	bool gone = true;

	for (int i = 0; i < N_SOCKETS; i++)
		gone &= is_gone(&l->sockets[i]);
	return gone;
}

void rondo__dns_sockets_init(struct lookup *l)
{
	for (int i = 0; i < N_SOCKETS; i++)
		l->sockets[i].fd = -1;
}
