/* SPDX-License-Identifier: MIT */
/* test_dns_dnsmasq.c - goal: c-ares on the loop understands a name server that we did not write.
 * Method: dnsmasq, if it is installed, as a child on a free port of 127.0.0.1. */
#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>

#include "io/net.h"
#include "rondo/dns.h"
#include "stream/dns.h"
#include "support/step.h"

enum { N_BIG = 120 };			/* addresses: 1,920 bytes of answers, so by TCP */

static pid_t dnsmasq;
static uint16_t port;
static char hosts_file[] = "/tmp/rondo-hosts.XXXXXX";	/* absolute: dnsmasq goes to / */

static bool write_hosts(void)
{
	int fd = mkstemp(hosts_file);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		return false;
	fprintf(f, "192.0.2.1 both.test\n2001:db8::1 both.test\n192.0.2.4 v4.test\n");
	for (int i = 0; i < N_BIG; i++)
		fprintf(f, "198.51.100.%d big.test\n", i + 1);
	fchmod(fd, 0644);
	return fclose(f) == 0;
}

/* One that is free for both protocols; but somebody else may be faster. */
static uint16_t free_port(void)
{
	union net_address a;
	uint16_t found = 0;

	for (int i = 0; i < 100 && !found; i++) {
		int udp = net_bound(SOCK_DGRAM, &a);
		int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (bind(tcp, &a.any, sizeof(a.v4)) == 0)
			found = ntohs(a.v4.sin_port);
		close(udp);
		close(tcp);
	}
	return found;
}

static bool spawn_dnsmasq(void)
{
	char port_arg[32], hosts_arg[64];
	char *const args[] = { word("dnsmasq"), word("--keep-in-foreground"), port_arg, hosts_arg,
			       word("--listen-address=127.0.0.1"), word("--bind-interfaces"),
			       word("--conf-file=/dev/null"), word("--no-resolv"), word("--no-hosts"),
			       word("--local=/test/"), word("--local-ttl=1"), word("--pid-file"),
			       word("--log-facility=/dev/null"), word("--user="), word("--group="),
			       word("--cname=alias.test,both.test"), NULL };
	char *const environment[] = { word("PATH=/usr/sbin:/sbin:/usr/bin:/bin"), NULL };

	snprintf(port_arg, sizeof(port_arg), "--port=%u", port);
	snprintf(hosts_arg, sizeof(hosts_arg), "--addn-hosts=%s", hosts_file);
	for (const char *const *p = (const char *const[]){ "/usr/sbin/dnsmasq", "/usr/bin/dnsmasq",
							   NULL }; *p; p++)
		if (posix_spawn(&dnsmasq, *p, NULL, NULL, args, environment) == 0)
			return true;
	return false;
}

/* Wait until it listens, or has found its port taken. */
static bool is_serving(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd, ret = -1;

	while (ret < 0 && waitpid(dnsmasq, NULL, WNOHANG) == 0) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ret = connect(fd, (struct sockaddr *)&a, sizeof(a));
		close(fd);
		usleep(1000);
	}
	return ret == 0;
}

static bool start_dnsmasq(void)
{
	if (!write_hosts())
		return false;
	for (int i = 0; i < 10; i++) {
		port = free_port();
		if (!port || !spawn_dnsmasq())
			return false;
		if (is_serving())
			return true;
	}
	return false;
}

static int set_up(void **state)
{
	(void)state;
	if (rondo__dns_has_cares && !start_dnsmasq())
		dnsmasq = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (dnsmasq > 0) {
		kill(dnsmasq, SIGKILL);
		waitpid(dnsmasq, NULL, 0);
	}
	unlink(hosts_file);
	return 0;
}

static int find(const char *host, int family, unsigned *n)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = family };
	struct addrinfo *list;
	int ret = rondo_getaddrinfo(host, "80", &hints, &list);

	*n = 0;
	if (ret < 0)
		return ret;
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		++*n;
	rondo_freeaddrinfo(list);
	return 0;
}

/* It answers once it has started; until then nobody is there, which c-ares hears at once. */
static int until_it_answers(void *arg)
{
	unsigned n;

	(void)arg;
	while (find("v4.test", AF_INET, &n) != 0)
		if (rondo_sleep(0.01) < 0)
			return -ECANCELED;
	return 0;
}

static int configured(void *arg)
{
	rondo_fn *const *body = arg;
	char servers[64];
	const struct rondo_dns_options o = { .servers = servers, .resolver = RONDO_DNS_CARES,
					     .no_search = true };

	snprintf(servers, sizeof(servers), "127.0.0.1:%u", port);
	CHECK_EQUAL(rondo_dns_configure(&o), 0);
	CHECK_EQUAL(rondo_wait_for(until_it_answers, NULL, 30), 0);
	return (*body)(NULL);
}

static void run(rondo_fn *body)
{
	if (!dnsmasq) {
		print_message("dnsmasq or c-ares is not installed\n");
		skip();
	}
	assert_run(configured, &body, 0);
}

static int answers(void *arg)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000204) };
	char host[64];
	unsigned n;

	(void)arg;
	CHECK_EQUAL(find("both.test", AF_UNSPEC, &n), 0);
	CHECK_EQUAL(n, 2);
	CHECK_EQUAL(find("alias.test", AF_UNSPEC, &n), 0);
	CHECK_EQUAL(n, 2);
	CHECK_EQUAL(find("v4.test", AF_INET6, &n), -RONDO_ENOTFOUND);
	CHECK_EQUAL(find("no-such.test", AF_UNSPEC, &n), -RONDO_ENOTFOUND);
	CHECK_EQUAL(rondo_getnameinfo((const void *)&a, sizeof(a), host, 64, NULL, 0, NI_NAMEREQD), 0);
	CHECK(strcmp(host, "v4.test") == 0);
	return 0;
}

/* A1 */
static void test_dnsmasq_answers(void **state)
{
	(void)state;
	run(answers);
}

static int by_tcp(void *arg)
{
	unsigned n;

	(void)arg;
	CHECK_EQUAL(find("big.test", AF_INET, &n), 0);
	CHECK_EQUAL(n, DNS_ADDRESSES_MAX);	/* what is given out at most */
	return 0;
}

static void test_a_long_answer_comes_by_tcp(void **state)
{
	(void)state;
	run(by_tcp);
}

static int find_new(void *arg)
{
	unsigned n;

	return find(arg, AF_INET, &n);
}

/* While it is stopped nobody answers: the limit ends the lookup. Then it goes on. */
static int stopped(void *arg)
{
	(void)arg;
	kill(dnsmasq, SIGSTOP);
	CHECK_EQUAL(rondo_wait_for(find_new, word("both.test"), 0.02), -ETIMEDOUT);
	kill(dnsmasq, SIGCONT);
	CHECK_EQUAL(find_new(word("both.test")), 0);
	return 0;
}

static void test_a_server_that_stops_for_a_while(void **state)
{
	(void)state;
	run(stopped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dnsmasq_answers),
		cmocka_unit_test(test_a_long_answer_comes_by_tcp),
		cmocka_unit_test(test_a_server_that_stops_for_a_while),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
