/* SPDX-License-Identifier: MIT */
/* outside_tls.c - a program that uses an installed rondo and its TLS. */
#include <rondo_tls.h>
#include <stdio.h>

static int nap(void *arg)
{
	struct rondo_stream_wrapper wrapper = rondo_tls_wrapper(arg);
	int error = rondo_sleep(0.001);

	if (error == 0 && wrapper.wrap)
		printf("slept 1 ms\n");
	return error;
}

int main(void)
{
	rondo_tls_context *tls;
	int error = rondo_tls_context_new(NULL, &tls);

	if (error < 0)
		return 1;
	error = rondo_run(nap, tls);
	rondo_tls_context_free(tls);
	return error != 0;
}
