/* SPDX-License-Identifier: MIT */
/* bench_tls.c - what TLS costs a server: an echo over librondo_tls against one in epoll and OpenSSL,
 * in CPU time per request. The same OpenSSL, cipher and client; the two take turns, each in a process
 * of its own, with the client on the same CPU (see bench.h). */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <rondo_tls.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench_tls.h"

enum { MAX_CONNECTIONS = 64, MAX_MESSAGE = 65536, N_ROUNDS = 9, WARM_UP = 200 };

static rondo_tls_context *tls;		/* of both servers */
static SSL_CTX *client;

/* --- rondo's server -------------------------------------------------------------------------- */

static int echo(rondo_stream *s, void *arg)
{
	const void *data;
	ssize_t n;
	int ret = 0;

	(void)arg;
	while (ret == 0 && (n = rondo_stream_lend(s, &data)) != 0)
		ret = n < 0 ? (int)n : rondo_stream_write(s, data, (size_t)n);
	return ret;
}

static int serve_main(void *arg)
{
	struct rondo_server_options o = { .wrapper = rondo_tls_wrapper(tls) };
	rondo_server *server;
	int ret = rondo_start_server_on(echo, NULL, *(int *)arg, &o, &server);

	return ret < 0 ? ret : rondo_server_serve_forever(server);
}

static int rondo_tls_serve(int listen_fd, void *ctx)
{
	(void)ctx;
	return rondo_run(serve_main, &listen_fd);
}

/* --- the client: blocking, all requests out and then all answers in ---------------------------- */

struct load {
	unsigned n_connections;
	int message_bytes;
	unsigned n_requests;		/* on each connection */
	SSL *ssl[MAX_CONNECTIONS];
};

static int connect_one(uint16_t port, SSL **ssl)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*ssl = SSL_new(client);
	if (!*ssl || !SSL_set_fd(*ssl, fd) || SSL_connect(*ssl) != 1)
		return -EPROTO;
	return 0;
}

static int exchange(struct load *l, unsigned n_times)
{
	static char out[MAX_MESSAGE], in[MAX_MESSAGE];
	int n, got;

	while (n_times--) {
		for (unsigned i = 0; i < l->n_connections; i++)
			if (SSL_write(l->ssl[i], out, l->message_bytes) != l->message_bytes)
				return -EPROTO;
		for (unsigned i = 0; i < l->n_connections; i++)
			for (got = 0; got < l->message_bytes; got += n)
				if ((n = SSL_read(l->ssl[i], in, l->message_bytes - got)) <= 0)
					return -EPROTO;
	}
	return 0;
}

static int measure_load(struct load *l, uint16_t port, pid_t server, double *ns)
{
	uint64_t begin = 0, end = 0;
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < l->n_connections; i++)
		ret = connect_one(port, &l->ssl[i]);
	if (ret == 0)
		ret = exchange(l, WARM_UP);
	if (ret == 0)
		ret = bench_server_cpu_ns(server, &begin);
	if (ret == 0)
		ret = exchange(l, l->n_requests);
	if (ret == 0)
		ret = bench_server_cpu_ns(server, &end);
	*ns = (double)(end - begin) / l->n_requests / l->n_connections;
	return ret;
}

static void hang_up(struct load *l)
{
	for (unsigned i = 0; i < l->n_connections && l->ssl[i]; i++) {
		close(SSL_get_fd(l->ssl[i]));
		SSL_free(l->ssl[i]);
		l->ssl[i] = NULL;
	}
}

/* --- one against the other --------------------------------------------------------------------- */

struct contest {
	bench_serve_fn *serve;
	struct load *load;
};

static int measure(void *arg, double *ns)
{
	const struct contest *c = arg;
	uint16_t port;
	int fd = bench_listen(&port), ret;
	pid_t server;

	if (fd < 0)
		return fd;
	if (c->load->n_connections > MAX_CONNECTIONS || c->load->message_bytes > MAX_MESSAGE)
		return -EINVAL;
	server = bench_fork_server(c->serve, fd, rondo_tls_context_native(tls));
	close(fd);
	if (server < 0)
		return server;
	ret = measure_load(c->load, port, server, ns);
	hang_up(c->load);
	if (ret == 0)
		return bench_stop_server(server);
	bench_stop_server(server);
	return ret;
}

static int compare(unsigned n_connections, int message_bytes, unsigned n_requests)
{
	struct load load = { n_connections, message_bytes, n_requests, { NULL } };
	struct contest contests[] = { { epoll_tls_serve, &load }, { rondo_tls_serve, &load } };
	const struct bench_case cases[] = { { "epoll + OpenSSL", measure, &contests[0] },
					    { "rondo_tls", measure, &contests[1] } };
	struct bench_outcome outcomes[2];
	char title[96];
	int ret = bench_compare(cases, 2, N_ROUNDS, outcomes);

	snprintf(title, sizeof(title), "TLS echo of %d B, %u connection%s: server CPU per request",
		 message_bytes, n_connections, n_connections == 1 ? "" : "s");
	if (ret == 0)
		bench_compare_print(title, "ns", cases, outcomes, 2);
	return ret;
}

static int compare_all(void)
{
	int ret = compare(1, 64, 4000);

	if (ret == 0)
		ret = compare(50, 64, 150);
	if (ret == 0)
		ret = compare(1, 16384, 1000);
	return ret == 0 ? compare(50, 16384, 30) : ret;
}

/* --- setting up -------------------------------------------------------------------------------- */

static int set_up(void)
{
	const char *const make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
				 "-subj /CN=bench -days 2 -keyout key.pem -out cert.pem 2>/dev/null";
	struct rondo_tls_context_options o = { .is_server = true, .cert_file = "cert.pem",
					       .key_file = "key.pem",
					       .ciphersuites = "TLS_AES_128_GCM_SHA256" };
	char folder[] = "/tmp/rondo-bench-tls-XXXXXX";
	int ret;

	if (!mkdtemp(folder) || chdir(folder) < 0 || system(make) != 0) {
		fprintf(stderr, "rondo_bench_tls: cannot make a certificate in %s\n", folder);
		return -ENOENT;
	}
	ret = rondo_tls_context_new(&o, &tls);
	unlink("cert.pem");
	unlink("key.pem");
	rmdir(folder);
	client = SSL_CTX_new(TLS_client_method());
	return ret < 0 ? ret : client ? 0 : -ENOMEM;
}

/* rondo_bench_tls [CONNECTIONS BYTES REQUESTS]: that alone, for a profiler. */
int main(int argc, char **argv)
{
	struct bench_pin pin;
	int ret = set_up();

	signal(SIGPIPE, SIG_IGN);
	if (ret == 0)
		ret = bench_pin_begin(&pin);
	if (ret < 0)
		return 1;
	bench_print_conditions(stdout);
	ret = argc == 4 ? compare((unsigned)atoi(argv[1]), atoi(argv[2]), (unsigned)atoi(argv[3])) :
			  compare_all();
	bench_pin_end(&pin);
	SSL_CTX_free(client);
	rondo_tls_context_free(tls);
	if (ret < 0)
		fprintf(stderr, "rondo_bench_tls: %s\n", rondo_strerror(ret));
	return ret < 0;
}
