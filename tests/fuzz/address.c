/* SPDX-License-Identifier: MIT */
/* address.c - fuzz target: numeric addresses, with and without scopes, to listen on and to connect
 * to, on a simulated host: nothing real is touched.
 *
 * Whether a text is an address is asked a second time here. Each line of the input is one. */
#include <arpa/inet.h>
#include <errno.h>
#include <rondo_sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 64 };

/* inet_pton, and for IPv6 the number of an interface behind a %. */
static bool is_address(const char *host)
{
	char digits[256];
	unsigned char binary[16];
	const char *scope = strchr(host, '%');
	size_t n = scope ? (size_t)(scope - host) : strlen(host), n_digits;

	if (!scope && inet_pton(AF_INET, host, binary) == 1)
		return true;
	if (n >= sizeof(digits))
		return false;
	memcpy(digits, host, n);
	digits[n] = '\0';
	if (inet_pton(AF_INET6, digits, binary) != 1 || !scope)
		return !scope && inet_pton(AF_INET6, digits, binary) == 1;
	scope++;
	n_digits = strspn(scope, "0123456789");
	scope += strspn(scope, "0");
	return n_digits && !scope[strspn(scope, "0123456789")] && *scope &&
	       (strlen(scope) < 10 || (strlen(scope) == 10 && strcmp(scope, "4294967295") <= 0));
}

struct attempt {
	const char *host;
	uint16_t port;
};

static int connect_to(void *arg)
{
	const struct attempt *a = arg;

	return rondo_connect_tcp(a->host, a->port);
}

static void judge(const char *what, const char *host, int ret)
{
	bool refused = ret == -EINVAL;

	/* The kernel refuses some scopes in the same words; but it never takes what is none. */
	if (!is_address(host) && !refused)
		rondo_sim_fail("%s took \"%s\": %d", what, host, ret);
	if (is_address(host) && refused && !strchr(host, '%'))
		rondo_sim_fail("%s refused \"%s\"", what, host);
}

static int try_host(const char *host, uint16_t port)
{
	const struct rondo_listen_options o = { .reuse_port = port & 1, .no_reuse_addr = port & 2 };
	struct attempt a = { host, port };
	int fd = rondo_listen_tcp(host, port, &o), client;

	judge("rondo_listen_tcp()", host, fd);
	client = rondo_wait_for(connect_to, &a, 3);
	judge("rondo_connect_tcp()", host, client);
	if (client >= 0)
		rondo_close(client);
	if (fd >= 0)
		rondo_close(fd);
	return 0;
}

static int try_all(void *arg)
{
	char *line = arg, *end;
	uint16_t port = 80;

	for (unsigned i = 0; line && i < LINES_MAX; i++, line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		try_host(line, port++);
	}
	return 0;
}

static void failed(const struct rondo_sim_failure *f, void *arg)
{
	rondo_sim_print_failure(f, arg);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rondo_sim_options o = { .seed = size, .no_faults = size % 2, .on_failure = failed };
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (rondo_sim_run(&o, try_all, text) != 0)
		abort();
	free(text);
	return 0;
}
