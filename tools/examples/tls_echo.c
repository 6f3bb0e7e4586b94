/* SPDX-License-Identifier: MIT */
/* tls_echo.c - an echo over TLS: `tls_echo CERT KEY [PORT]`, until ^C. Try it with
 *   openssl s_client -connect localhost:PORT -CAfile CERT */
#include <rondo_tls.h>
#include <stdio.h>
#include <stdlib.h>

static int echo(rondo_stream *stream, void *arg)
{
	const char *line;
	ssize_t n;
	int ret = 0;

	(void)arg;
	while (ret == 0 && (n = rondo_stream_read_line(stream, &line)) != 0)
		ret = n < 0 ? (int)n : rondo_stream_write(stream, line, (size_t)n);
	return ret;
}

static void refused(int error, const char *why, void *arg)
{
	(void)error, (void)arg;
	fprintf(stderr, "a handshake failed: %s\n", why);
}

static int serve(void *arg)
{
	char **argv = arg;
	struct rondo_tls_context_options tls_options = { .is_server = true, .cert_file = argv[1],
							 .key_file = argv[2], .on_failure = refused };
	struct rondo_server_options options = { .limit = 1000 };
	uint16_t port = argv[3] ? (uint16_t)atoi(argv[3]) : 0;
	rondo_tls_context *tls;
	rondo_server *server;
	int ret = rondo_tls_context_new(&tls_options, &tls);

	if (ret < 0) {
		fprintf(stderr, "tls_echo: %s\n", rondo_tls_error(NULL));
		return ret;
	}
	options.wrapper = rondo_tls_wrapper(tls);
	ret = rondo_start_server(echo, NULL, NULL, port, &options, &server);
	if (ret == 0) {
		printf("listening on port %d\n", rondo_server_port(server));
		fflush(stdout);
		ret = rondo_server_serve_forever(server);
		rondo_server_free(server);
	} else {
		fprintf(stderr, "tls_echo: %s\n", rondo_strerror(ret));
	}
	rondo_tls_context_free(tls);
	return ret;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return fprintf(stderr, "usage: tls_echo CERT KEY [PORT]\n"), 2;
	return rondo_run_with(rondo_options_from_environment(), serve, argv) < 0;
}
