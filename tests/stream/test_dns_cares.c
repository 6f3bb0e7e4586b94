/* SPDX-License-Identifier: MIT */
/* test_dns_cares.c - goal: names are resolved by packets on the loop: both families at once, kept
 * for as long as they hold, over TCP where they are too long, again where one was lost, and
 * cancelled at any moment. Method: a name server made of tasks beside the test's own (loopback),
 * and on a simulated host with losses and delays. */
#include "support/matrix.h"
#include "stream/name_server.h"

#include "rondo/dns.h"
#include "rondo_sim.h"
#include "stream/dns.h"

static struct name_server server;

static int configure(struct rondo_dns_options o)
{
	char servers[64];

	snprintf(servers, sizeof(servers), "%s:%u", server.address, server.port);
	o.servers = servers;
	o.resolver = RONDO_DNS_CARES;
	o.no_search = true;
	return rondo_dns_configure(&o);
}

/* The addresses of a host, in one line. */
static char found[2048];

static int find_with(const char *host, int family, int flags)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = family,
					.ai_flags = AI_CANONNAME | flags };
	struct addrinfo *list;
	size_t n = 0;
	int ret = rondo_getaddrinfo(host, "80", &hints, &list);

	found[0] = '\0';
	if (ret < 0)
		return ret;
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		char text[INET6_ADDRSTRLEN];
		const void *bytes = a->ai_family == AF_INET ?
			(const void *)&((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr :
			(const void *)&((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr;

		inet_ntop(a->ai_family, bytes, text, sizeof(text));
		n += (size_t)snprintf(found + n, sizeof(found) - n, "%s%s", n ? " " : "", text);
	}
	snprintf(found + n, sizeof(found) - n, " (%s)", list->ai_canonname);
	rondo_freeaddrinfo(list);
	return 0;
}

static int find(const char *host, int family)
{
	return find_with(host, family, 0);
}

/* With IPv6 first or last, as this machine has a route or not. */
static bool found_both(const char *name)
{
	char first[256], last[256];

	snprintf(first, sizeof(first), "2001:db8::1 192.0.2.1 192.0.2.2 (%s)", name);
	snprintf(last, sizeof(last), "192.0.2.1 192.0.2.2 2001:db8::1 (%s)", name);
	return strcmp(found, first) == 0 || strcmp(found, last) == 0;
}

static unsigned n_questions(void)
{
	unsigned n = server.n_udp;

	server.n_udp = server.n_tcp = 0;
	return n;
}

/* Each test is a task beside a name server. */
static int with_server(void *arg)
{
	rondo_fn *const *body = arg;
	int ret = name_server_start(&server, "127.0.0.1", 0);

	CHECK_EQUAL(ret, 0);
	CHECK_EQUAL(configure((struct rondo_dns_options){ 0 }), 0);
	ret = (*body)(NULL);
	name_server_stop(&server);
	return ret;
}

static void run_with_server(rondo_fn *body)
{
	int n = count_fds();

	if (!rondo__dns_has_cares) {
		print_message("built without c-ares\n");
		skip();
	}
	assert_run(with_server, &body, 0);
	assert_int_equal(count_fds(), n);
}

/* --- answers --------------------------------------------------------------------------------- */

static int answers(void *arg)
{
	(void)arg;
	CHECK_EQUAL(find("both.test", AF_UNSPEC), 0);
	CHECK(found_both("both.test"));
	CHECK_EQUAL(n_questions(), 2);			/* A and AAAA */
	CHECK_EQUAL(find("v4.test", AF_UNSPEC), 0);
	CHECK(strcmp(found, "192.0.2.4 (v4.test)") == 0);
	CHECK_EQUAL(find("v4.test", AF_INET6), -RONDO_ENOTFOUND);
	CHECK_EQUAL(find("alias.test", AF_UNSPEC), 0);
	CHECK(found_both("both.test"));
	CHECK_EQUAL(find("no-such.test", AF_UNSPEC), -RONDO_ENOTFOUND);
	CHECK_EQUAL(find("broken.test", AF_UNSPEC), -RONDO_EDNS);
	CHECK(strstr(rondo_strerror(-RONDO_ENOTFOUND), "not found"));
	CHECK(strstr(rondo_strerror(-RONDO_EDNS), "ame server"));
	return 0;
}

/* A1 */
static void test_names_have_addresses_of_both_families(void **state)
{
	(void)state;
	run_with_server(answers);
}

static int maps(void *arg)
{
	(void)arg;
	CHECK_EQUAL(find_with("v4.test", AF_INET6, AI_V4MAPPED), 0);
	CHECK(strcmp(found, "::ffff:192.0.2.4 (v4.test)") == 0);
	CHECK_EQUAL(find_with("both.test", AF_INET6, AI_V4MAPPED), 0);
	CHECK(strcmp(found, "2001:db8::1 (both.test)") == 0);
	CHECK_EQUAL(find_with("both.test", AF_INET6, AI_V4MAPPED | AI_ALL), 0);
	CHECK(strcmp(found, "2001:db8::1 ::ffff:192.0.2.1 ::ffff:192.0.2.2 (both.test)") == 0);
	CHECK_EQUAL(find_with("no-such.test", AF_INET6, AI_V4MAPPED | AI_ALL), -RONDO_ENOTFOUND);
	return 0;
}

static void test_addresses_of_the_old_family_are_mapped_to_the_new_one(void **state)
{
	(void)state;
	run_with_server(maps);
}

static int name_of(const char *number, int flags, char *host)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	inet_pton(AF_INET, number, &a.sin_addr);
	return rondo_getnameinfo((const void *)&a, sizeof(a), host, 64, NULL, 0, flags);
}

static int names(void *arg)
{
	char host[64];

	(void)arg;
	CHECK_EQUAL(name_of("192.0.2.1", 0, host), 0);
	CHECK(strcmp(host, "named.test") == 0);
	CHECK_EQUAL(name_of("192.0.2.99", NI_NAMEREQD, host), -RONDO_ENOTFOUND);
	CHECK_EQUAL(name_of("192.0.2.99", 0, host), 0);
	CHECK(strcmp(host, "192.0.2.99") == 0);
	return 0;
}

static void test_addresses_have_names(void **state)
{
	(void)state;
	run_with_server(names);
}

static int truncated(void *arg)
{
	(void)arg;
	CHECK_EQUAL(find("big.test", AF_INET), 0);
	CHECK(strncmp(found, "192.0.2.100 192.0.2.101 ", 24) == 0);
	CHECK(strstr(found, " 192.0.2.139 "));
	CHECK_EQUAL(server.n_udp, 1);
	CHECK_EQUAL(server.n_tcp, 1);
	return 0;
}

static void test_a_long_answer_comes_by_tcp(void **state)
{
	(void)state;
	run_with_server(truncated);
}

/* --- the cache ------------------------------------------------------------------------------- */

static int cached(void *arg)
{
	struct rondo_loop_stats before, after;

	(void)arg;
	CHECK_EQUAL(find("both.test", AF_UNSPEC), 0);
	n_questions();
	rondo_loop_stats(&before);
	CHECK_EQUAL(find("BOTH.test", AF_UNSPEC), 0);
	CHECK_EQUAL(find("both.test", AF_INET), 0);
	rondo_loop_stats(&after);
	CHECK_EQUAL(before.n_submitted, after.n_submitted);	/* not even a file was read */
	CHECK_EQUAL(find("no-such.test", AF_INET), -RONDO_ENOTFOUND);
	CHECK_EQUAL(n_questions(), 1);
	CHECK_EQUAL(find("no-such.test", AF_INET), -RONDO_ENOTFOUND);
	CHECK_EQUAL(n_questions(), 0);
	CHECK_EQUAL(configure((struct rondo_dns_options){ .no_cache = true }), 0);
	CHECK_EQUAL(find("both.test", AF_INET), 0);
	CHECK_EQUAL(find("both.test", AF_INET), 0);
	CHECK_EQUAL(n_questions(), 2);
	CHECK_EQUAL(configure((struct rondo_dns_options){ .cache_entries = 1 }), 0);
	CHECK_EQUAL(find("both.test", AF_INET), 0);
	CHECK_EQUAL(find("v4.test", AF_INET), 0);
	CHECK_EQUAL(find("v4.test", AF_INET), 0);
	CHECK_EQUAL(n_questions(), 2);
	CHECK_EQUAL(find("both.test", AF_INET), 0);
	CHECK_EQUAL(n_questions(), 1);
	return 0;
}

static void test_what_is_known_is_not_asked_for(void **state)
{
	(void)state;
	run_with_server(cached);
}

/* --- losses ---------------------------------------------------------------------------------- */

static int lost(void *arg)
{
	struct rondo_dns_options o = { .timeout_seconds = 0.02, .tries = 3 };
	uint64_t start_ns;
	bool answered;

	(void)arg;
	/* Longer and longer, until nobody has delayed us beyond the next question. */
	do {
		CHECK_EQUAL(configure(o), 0);
		server.n_to_drop = 2;
		n_questions();
		answered = find("slow.test", AF_INET) == 0 && n_questions() == 3;
		o.timeout_seconds *= 2;
	} while (!answered && o.timeout_seconds < 10);
	CHECK(answered);
	CHECK_EQUAL(find("half.test", AF_UNSPEC), 0);		/* one family is enough */
	CHECK(strcmp(found, "192.0.2.6 (half.test)") == 0);
	n_questions();
	start_ns = rondo_now_ns();
	CHECK_EQUAL(find("silent.test", AF_INET), -RONDO_EDNS);
	CHECK_EQUAL(n_questions(), 3);
	CHECK(rondo_now_ns() - start_ns >= 60000000);
	return 0;
}

static void test_what_is_lost_is_asked_for_again(void **state)
{
	(void)state;
	run_with_server(lost);
}

static int nobody_there(void *arg)
{
	struct rondo_dns_options o = { .timeout_seconds = 30, .resolver = RONDO_DNS_CARES,
				       .no_search = true };
	char servers[128];

	(void)arg;
	/* The first refuses at once (nothing is bound to UDP port 9 of that address), the second knows. */
	snprintf(servers, sizeof(servers), "127.255.255.1:9,127.0.0.1:%u", server.port);
	o.servers = servers;
	CHECK_EQUAL(rondo_dns_configure(&o), 0);
	CHECK_EQUAL(find("v4.test", AF_INET), 0);
	CHECK_EQUAL(n_questions(), 1);
	return 0;
}

static void test_the_next_server_is_asked_if_one_is_not_there(void **state)
{
	(void)state;
	run_with_server(nobody_there);
}

/* --- cancels --------------------------------------------------------------------------------- */

static int find_silent(void *arg)
{
	(void)arg;
	return find("silent.test", AF_UNSPEC);
}

static int cancels(void *arg)
{
	rondo_task *t = rondo_create_task(find_silent, arg);

	while (server.n_udp < 2)
		CHECK_EQUAL(rondo_sleep(0.0001), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(rondo_wait_for(find_silent, NULL, 0.005), -ETIMEDOUT);
	CHECK_EQUAL(find("v4.test", AF_INET), 0);
	return 0;
}

/* K6: asyncio's thread would go on. */
static void test_a_lookup_in_flight_is_cancelled(void **state)
{
	(void)state;
	run_with_server(cancels);
}

static int find_both(void *arg)
{
	int ret = find("both.test", AF_UNSPEC);

	(void)arg;
	return ret == 0 ? 1 : ret;
}

struct outcome {
	int ret, after;
};

static int find_and_yield(void *arg)
{
	struct outcome *o = arg;

	o->ret = find_both(NULL);
	o->after = rondo_yield();
	return 0;
}

/* Cancelled after each number of turns, until it is done before: told once, and nothing is lost. */
static int cancelled_at_every_turn(void *arg)
{
	unsigned n_cancelled = 0, n_found = 0;

	(void)arg;
	CHECK_EQUAL(configure((struct rondo_dns_options){ .no_cache = true }), 0);
	for (unsigned n = 0; n < 300 || !n_found; n++) {
		struct outcome o = { .after = 0 };
		rondo_task *t = rondo_create_task(find_and_yield, &o);
		bool asked;
		int ret;

		CHECK_EQUAL(yield_times(n), 0);
		asked = rondo_cancel(t);
		ret = rondo_await(t);
		if (n == 0) {
			CHECK_EQUAL(ret, -ECANCELED);	/* T5: it never began */
			continue;
		}
		CHECK_EQUAL(ret, 0);
		CHECK(o.ret == 1 || o.ret == -ECANCELED);
		CHECK_EQUAL((o.ret == -ECANCELED) + (o.after == -ECANCELED), asked);
		n_cancelled += o.ret == -ECANCELED;
		n_found += o.ret == 1;
	}
	CHECK(n_cancelled > 3);
	CHECK_EQUAL(find_both(NULL), 1);
	return 0;
}

static void test_a_lookup_may_be_cancelled_at_any_moment(void **state)
{
	(void)state;
	run_with_server(cancelled_at_every_turn);
}

static int many(void *arg)
{
	enum { N = 100 };
	rondo_task *all[N];

	CHECK_EQUAL(configure((struct rondo_dns_options){ .no_cache = true }), 0);
	for (int i = 0; i < N; i++)
		all[i] = rondo_create_task(find_both, arg);
	return rondo_gather(N, all, NULL, 0);
}

static void test_a_hundred_at_once(void **state)
{
	(void)state;
	run_with_server(many);
}

/* --- options --------------------------------------------------------------------------------- */

static int bad_options(void *arg)
{
	struct rondo_dns_options o = { .servers = "not an address", .resolver = RONDO_DNS_CARES };
	char long_list[300];

	(void)arg;
	CHECK_EQUAL(rondo_dns_configure(&o), 0);
	CHECK_EQUAL(find("v4.test", AF_INET), -EINVAL);
	memset(long_list, '1', sizeof(long_list));
	long_list[sizeof(long_list) - 1] = '\0';
	o.servers = long_list;
	CHECK_EQUAL(rondo_dns_configure(&o), -EINVAL);
	o = (struct rondo_dns_options){ .timeout_seconds = -1 };
	CHECK_EQUAL(rondo_dns_configure(&o), -EINVAL);
	return 0;
}

static void test_options_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	run_with_server(bad_options);
}

/* --- simulated ------------------------------------------------------------------------------- */

static bool client_done;

static int sim_server(void *arg)
{
	(void)arg;
	CHECK_EQUAL(name_server_start(&server, "10.0.0.2", 53), 0);
	while (!client_done)
		CHECK_EQUAL(rondo_sleep(0.1), 0);
	name_server_stop(&server);
	return 0;
}

static int stop_sim_server(void)
{
	int result;

	client_done = true;
	while (!rondo_sim_host_result(2, &result))
		CHECK_EQUAL(rondo_sleep(0.1), 0);
	return result;
}

static int sim_client(void *arg)
{
	uint64_t cancel_after_ns = rondo_sim_random() % 3000000000;
	rondo_task *t;
	int ret;

	(void)arg;
	client_done = false;
	CHECK_EQUAL(rondo_sim_start_host("server", sim_server, NULL), 2);
	CHECK_EQUAL(rondo_sleep(0.1), 0);
	CHECK_EQUAL(configure((struct rondo_dns_options){ .timeout_seconds = 1, .tries = 30 }), 0);
	CHECK_EQUAL(find("both.test", AF_UNSPEC), 0);
	CHECK(strstr(found, "192.0.2.1") || strstr(found, "2001:db8::1"));
	CHECK_EQUAL(find("v4.test", AF_INET), 0);
	CHECK_EQUAL(find("big.test", AF_INET), 0);
	CHECK(strstr(found, "192.0.2.139"));
	/* A second of virtual time, and what was known is forgotten. */
	CHECK_EQUAL(find("short.test", AF_INET), 0);
	n_questions();
	CHECK_EQUAL(rondo_sleep(2), 0);
	CHECK_EQUAL(find("short.test", AF_INET), 0);
	CHECK(n_questions() >= 1);
	t = rondo_create_task(find_silent, NULL);
	ret = rondo_sleep_ns(cancel_after_ns);
	if (ret < 0)
		return ret;
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	return stop_sim_server();
}

static void test_it_runs_on_the_simulated_kernel(void **state)
{
	(void)state;
	if (!rondo__dns_has_cares) {
		print_message("built without c-ares\n");
		skip();
	}
	for (uint64_t seed = 1; seed <= STEP_SIZE(100, 20); seed++) {
		struct rondo_sim_options o = { .seed = seed, .on_failure = rondo_sim_print_failure };
		int ret = rondo_sim_run(&o, sim_client, NULL);

		if (ret != 0)
			print_error("seed %u: %d\n", (unsigned)seed, ret);
		assert_checks_passed();
		assert_int_equal(ret, 0);
	}
}

static int sim_asks_for_ever(void *arg)
{
	(void)arg;
	CHECK_EQUAL(configure((struct rondo_dns_options){ .tries = 1000 }), 0);
	return find("silent.test", AF_UNSPEC);
}

static int sim_power_cut(void *arg)
{
	int client;

	(void)arg;
	client_done = false;
	CHECK_EQUAL(rondo_sim_start_host("server", sim_server, NULL), 2);
	CHECK_EQUAL(rondo_sleep(0.1), 0);
	client = rondo_sim_start_host("client", sim_asks_for_ever, NULL);
	CHECK_EQUAL(client, 3);
	CHECK_EQUAL(rondo_sleep_ns(rondo_sim_random() % 5000000000), 0);
	CHECK_EQUAL(rondo_sim_cut_power(client), 0);
	return stop_sim_server();
}

/* What c-ares has allocated is freed, which LeakSanitizer sees. */
static void test_the_power_may_be_cut_in_a_lookup(void **state)
{
	(void)state;
	if (!rondo__dns_has_cares) {
		print_message("built without c-ares\n");
		skip();
	}
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct rondo_sim_options o = { .seed = seed, .on_failure = rondo_sim_print_failure };

		assert_int_equal(rondo_sim_run(&o, sim_power_cut, NULL), 0);
		assert_checks_passed();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_have_addresses_of_both_families),
		cmocka_unit_test(test_addresses_of_the_old_family_are_mapped_to_the_new_one),
		cmocka_unit_test(test_addresses_have_names),
		cmocka_unit_test(test_a_long_answer_comes_by_tcp),
		cmocka_unit_test(test_what_is_known_is_not_asked_for),
		cmocka_unit_test(test_what_is_lost_is_asked_for_again),
		cmocka_unit_test(test_the_next_server_is_asked_if_one_is_not_there),
		cmocka_unit_test(test_a_lookup_in_flight_is_cancelled),
		cmocka_unit_test(test_a_lookup_may_be_cancelled_at_any_moment),
		cmocka_unit_test(test_a_hundred_at_once),
		cmocka_unit_test(test_options_that_make_no_sense_are_refused),
		cmocka_unit_test(test_it_runs_on_the_simulated_kernel),
		cmocka_unit_test(test_the_power_may_be_cut_in_a_lookup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
