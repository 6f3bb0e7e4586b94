/* SPDX-License-Identifier: MIT */
/* epoll_tls.c - a TLS echo server in one epoll loop, OpenSSL straight on the sockets. Level-triggered,
 * and with read_ahead, so that a record costs one read(2): as fast as this is usually written. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_tls.h"

enum { N_EVENTS = 64 };

struct peer {
	SSL *ssl;
	int fd;
	char *rest;			/* what the socket did not take yet */
	int n_rest;
};

static int watch(int epoll_fd, int operation, int fd, uint32_t events, void *data)
{
	struct epoll_event e = { .events = events, .data.ptr = data };

	return epoll_ctl(epoll_fd, operation, fd, &e) < 0 ? -errno : 0;
}

static void drop(struct peer *p)
{
	SSL_free(p->ssl);
	close(p->fd);
	free(p->rest);
	free(p);
}

static int take(int epoll_fd, int listen_fd, SSL_CTX *ctx)
{
	struct peer *p = calloc(1, sizeof(*p));
	int one = 1;

	if (!p)
		return -ENOMEM;
	p->fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	p->ssl = p->fd < 0 ? NULL : SSL_new(ctx);
	if (!p->ssl) {
		free(p);
		return -errno;
	}
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	SSL_set_fd(p->ssl, p->fd);
	SSL_set_accept_state(p->ssl);
	return watch(epoll_fd, EPOLL_CTL_ADD, p->fd, EPOLLIN, p);
}

/* Returns whether the connection goes on. */
static bool send_back(int epoll_fd, struct peer *p, const char *buf, int n)
{
	int ret = SSL_write(p->ssl, buf, n);

	if (ret > 0)
		return true;
	if (SSL_get_error(p->ssl, ret) != SSL_ERROR_WANT_WRITE)
		return false;
	if (!p->rest)
		p->rest = malloc(ECHO_BUFFER_BYTES);
	if (!p->rest)
		return false;
	memmove(p->rest, buf, (size_t)n);
	p->n_rest = n;
	return watch(epoll_fd, EPOLL_CTL_MOD, p->fd, EPOLLOUT, p) == 0;
}

static bool serve_peer(int epoll_fd, struct peer *p)
{
	static char buf[ECHO_BUFFER_BYTES];
	int n = p->n_rest;

	if (n) {
		p->n_rest = 0;
		if (!send_back(epoll_fd, p, p->rest, n))
			return false;
		if (p->n_rest)
			return true;
		if (watch(epoll_fd, EPOLL_CTL_MOD, p->fd, EPOLLIN, p) < 0)
			return false;
	}
	do {
		n = SSL_read(p->ssl, buf, sizeof(buf));
		if (n <= 0)
			return SSL_get_error(p->ssl, n) == SSL_ERROR_WANT_READ;
		if (!send_back(epoll_fd, p, buf, n))
			return false;
	} while (!p->n_rest && SSL_has_pending(p->ssl));
	return true;
}

int epoll_tls_serve(int listen_fd, void *ctx)
{
	struct epoll_event events[N_EVENTS];
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), n, ret;

	SSL_CTX_set_read_ahead(ctx, 1);
	ret = epoll_fd < 0 ? -errno : watch(epoll_fd, EPOLL_CTL_ADD, listen_fd, EPOLLIN, NULL);
	while (ret == 0) {
		n = epoll_wait(epoll_fd, events, N_EVENTS, -1);
		for (int i = 0; i < n && ret == 0; i++) {
			struct peer *p = events[i].data.ptr;

			if (!p)
				ret = take(epoll_fd, listen_fd, ctx);
			else if (!serve_peer(epoll_fd, p))
				drop(p);
		}
	}
	return ret;
}
