/* SPDX-License-Identifier: MIT */
/* udp_time.c - tells the time to whoever sends it a datagram: example_udp_time PORT
 * (0: any; it says which). */
#include <errno.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static size_t utc_now(char *buf, size_t size)
{
	time_t now = time(NULL);
	struct tm utc;

	return strftime(buf, size, "%FT%TZ", gmtime_r(&now, &utc));
}

static int serve(rondo_udp *udp)
{
	struct rondo_udp_address from;
	char buf[64];
	ssize_t n;

	while ((n = rondo_udp_recv_from(udp, buf, sizeof(buf), &from)) >= 0) {
		n = rondo_udp_send_to(udp, buf, utc_now(buf, sizeof(buf)), &from);
		if (n == -ECANCELED)
			break;
		if (n < 0)		/* one asker is gone; the others are not */
			fprintf(stderr, "udp_time: %s\n", rondo_strerror((int)n));
	}
	return (int)n;
}

static int async_main(void *port)
{
	rondo_udp *udp;
	int ret = rondo_udp_open("127.0.0.1", *(uint16_t *)port, NULL, &udp);

	if (ret < 0) {
		fprintf(stderr, "udp_time: port %u: %s\n", *(uint16_t *)port, rondo_strerror(ret));
		return ret;
	}
	printf("the time is told on port %d\n", rondo_udp_port(udp));
	fflush(stdout);
	ret = serve(udp);
	rondo_udp_close(udp);
	return ret;
}

int main(int argc, char **argv)
{
	uint16_t port = argc > 1 ? (uint16_t)atoi(argv[1]) : 0;

	return rondo_run_with(rondo_options_from_environment(), async_main, &port) < 0;
}
