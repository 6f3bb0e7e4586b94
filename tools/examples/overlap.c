/* SPDX-License-Identifier: MIT */
/* overlap.c - one loop, one thread: sleep, copy a file and echo over TCP, all at once. */
#define _GNU_SOURCE 1			/* O_TMPFILE */
#include <fcntl.h>
#include <netinet/in.h>
#include <rondo.h>
#include <stdio.h>

RONDO_ASYNC(copier, (double, until))
{
	char block[16384];
	int in = rondo_open("/proc/self/exe", O_RDONLY, 0), n_blocks = 0;
	int out = rondo_open("/tmp", O_TMPFILE | O_WRONLY, 0600);
	long n, at = 0;

	while (rondo_now() < until && (n = rondo_pread(in, block, sizeof(block), at)) >= 0 &&
	       rondo_pwrite_all(out, block, (size_t)n, at, NULL) == 0)
		at = n > 0 ? at + n : 0, n_blocks++;	/* at its end: once more */
	rondo_close(in);
	return rondo_close(out) < 0 ? -1 : n_blocks;
}

/* Send back what comes. Both ends do, so a greeting goes to and fro. */
RONDO_ASYNC(echo, (double, until), (int, fd))
{
	char data[64];
	int n, n_echoes = 0;

	while (rondo_now() < until && (n = (int)rondo_recv(fd, data, sizeof(data), 0)) > 0 &&
	       rondo_send_all(fd, data, (size_t)n, NULL) == 0)
		n_echoes++;
	rondo_close(fd);
	return n_echoes;
}

static int async_main(void *arg)
{
	struct sockaddr_in at = { .sin_port = 0 };
	socklen_t size = sizeof(at);
	int fd = rondo_listen_tcp("127.0.0.1", 0, NULL), done[3] = { 0 };
	int ret = rondo_getsockname(fd, (struct sockaddr *)&at, &size);
	int here = ret < 0 ? ret : rondo_connect_tcp("127.0.0.1", ntohs(at.sin_port));
	int there = here < 0 ? here : rondo_accept(fd, NULL, NULL);
	double now = rondo_now();
	rondo_task *tasks[] = { copier_task(now + 0.8), echo_task(now + 0.6, here),
				echo_task(now + 0.6, there) };

	(void)arg;
	if (rondo_send_all(here, "hello", 5, NULL) == 0 && rondo_sleep(1.0) == 0)
		ret = rondo_gather(3, tasks, done, 0);
	printf("slept 1.0 s, copied %d blocks of a file in 0.8 s, got %d echoes over TCP in 0.6 s: "
	       "all in %.1f s\n", done[0], done[1], rondo_now() - now);
	rondo_close(fd);
	return done[0] > 0 && done[1] > 0 ? ret : -1;
}

int main(void)
{
	return rondo_run(async_main, NULL) < 0;
}
