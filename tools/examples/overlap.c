/* SPDX-License-Identifier: MIT */
/* overlap.c - one loop, one thread: sleep, copy a file and echo over TCP, all at once. */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <rondo.h>
#include <stdio.h>

RONDO_ASYNC(sleeper, (double, until))
{
	return rondo_sleep(until - rondo_now());
}

RONDO_ASYNC(copier, (double, until), (long *, n_copies))
{
	char block[16384];
	ssize_t n = 0;
	int in = rondo_open("/proc/self/exe", O_RDONLY, 0), out = rondo_open("/tmp", O_TMPFILE | O_RDWR, 0600);

	for (*n_copies = 0; n >= 0 && rondo_now() < until; ++*n_copies)
		for (long at = 0; (n = rondo_pread(in, block, sizeof(block), at)) > 0; at += n)
			if (rondo_pwrite_all(out, block, (size_t)n, at, NULL) < 0)
				return -1;
	rondo_close(out);
	rondo_close(in);
	return (int)n;
}

RONDO_ASYNC(server, (int, listen_fd))
{
	char data[64];
	ssize_t n;
	int fd = rondo_accept(listen_fd, NULL, NULL);

	while ((n = rondo_recv(fd, data, sizeof(data), 0)) > 0 && rondo_send_all(fd, data, (size_t)n, NULL) == 0)
		;
	return rondo_close(fd);
}

RONDO_ASYNC(client, (double, until), (int, listen_fd), (long *, n_echoes))
{
	struct sockaddr_in6 at;
	socklen_t size = sizeof(at);
	char data[64] = "hello";
	int ret = rondo_getsockname(listen_fd, (struct sockaddr *)&at, &size);
	int fd = ret < 0 ? ret : rondo_connect_tcp("127.0.0.1", ntohs(at.sin6_port));

	for (*n_echoes = 0; fd >= 0 && rondo_now() < until; ++*n_echoes)
		if (rondo_send_all(fd, data, 64, NULL) < 0 || rondo_recv_exactly(fd, data, 64, NULL) < 0)
			return -1;
	return rondo_close(fd);
}

static int async_main(void *arg)
{
	double start = rondo_now();
	long n_copies, n_echoes;
	int fd = rondo_listen_tcp("127.0.0.1", 0, NULL);
	int ret = RONDO_GATHER(sleeper_task(start + 1.0), copier_task(start + 0.8, &n_copies),
			       server_task(fd), client_task(start + 0.6, fd, &n_echoes));

	(void)arg;
	printf("slept 1.0 s, copied a file for 0.8 s, echoed over TCP for 0.6 s: all in %.1f s\n",
	       rondo_now() - start);
	printf("the copier made %s, the client got %s\n", n_copies > 0 ? "copies" : "no copy",
	       n_echoes > 0 ? "echoes" : "no echo");
	rondo_close(fd);
	return ret;
}

int main(void)
{
	return rondo_run(async_main, NULL) < 0;
}
