/* SPDX-License-Identifier: MIT */
/* test_resume.c - goal: the next connection to a server resumes the session of the last one, and
 * never another's: not that of another name or port, not one that was used, has failed or is old.
 * Method: connections one after the other by the same contexts, and both sides asked whether they
 * resumed. */
#include "pair.h"

#include <netinet/in.h>
#include <openssl/ssl.h>

#include "ring/kernel.h"
#include "task/run.h"

/* A connection that is open on both sides, and that the client has read from: the session has come. */
static int open_pair(struct pair *p, const char *host)
{
	char c;

	p->host = host;
	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_stream_write(p->server, "x", 1), 0);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), 1);
	CHECK_EQUAL(rondo_tls_resumed(p->client), rondo_tls_resumed(p->server));
	return 0;
}

/* One connection to host, from begin to end: was it resumed, as expected? */
static int expect(struct pair *p, const char *host, bool resumed)
{
	if (open_pair(p, host) < 0)
		return -1;
	CHECK_EQUAL(rondo_tls_resumed(p->client), resumed);
	return pair_close(p);
}

static struct pair new_pair(void)
{
	return (struct pair){ .server_tls = server_context("good"), .client_tls = client_context() };
}

/* TLS 1.2 for both. */
static struct pair old_pair(void)
{
	struct pair p = new_pair();

	SSL_CTX_set_max_proto_version(rondo_tls_context_native(p.client_tls), TLS1_2_VERSION);
	return p;
}

static int again_main(void *arg)
{
	struct pair *p = arg;
	char subject[64];

	if (expect(p, "localhost", false) < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (expect(p, i % 2 ? "localhost" : "LocalHost", true) < 0)
			return -1;
	if (open_pair(p, "localhost") < 0)
		return -1;
	CHECK_EQUAL(rondo_tls_peer_subject(p->client, subject, sizeof(subject)), 20);
	CHECK(strcmp(subject, "CN=localhost,O=rondo") == 0);
	return pair_close(p);
}

/* What was shown the first time is known all the time. */
static void test_the_next_connection_resumes(void **state)
{
	struct pair p = new_pair();

	(void)state;
	run_pair(again_main, &p);
	p = old_pair();
	run_pair(again_main, &p);
}

static int never_main(void *arg)
{
	return expect(arg, "localhost", false) < 0 ? -1 : expect(arg, "localhost", false);
}

static void test_no_tickets_no_resumption(void **state)
{
	struct pair p = { .server_tls = server_context("good") };

	(void)state;
	p.client_tls = context((struct rondo_tls_context_options){ .ca_file = "ca.pem",
								   .no_tickets = true });
	run_pair(never_main, &p);
	p = (struct pair){ .client_tls = client_context() };
	p.server_tls = context((struct rondo_tls_context_options){
		.is_server = true, .cert_file = "both.pem", .no_tickets = true });
	run_pair(never_main, &p);
}

/* --- whose session it is --------------------------------------------------------------------- */

static int names_main(void *arg)
{
	return expect(arg, "localhost", false) < 0 || expect(arg, "127.0.0.1", false) < 0 ||
	       expect(arg, "127.0.0.1", true) < 0 || expect(arg, "localhost", true) < 0 ||
	       expect(arg, "", false) < 0 || expect(arg, "", false) < 0 ? -1 : 0;
}

/* The server would take it under any name; who was verified under one is nobody under another. */
static void test_a_session_is_of_one_name(void **state)
{
	struct pair p = new_pair();

	(void)state;
	run_pair(names_main, &p);
}

enum { SERVERS = 64 };

static int crowd_main(void *arg)
{
	char host[16];

	for (int i = 0; i <= SERVERS; i++) {
		snprintf(host, sizeof(host), "host%d", i);
		if (expect(arg, host, false) < 0)
			return -1;
	}
	return expect(arg, "host1", true) < 0 || expect(arg, "host64", true) < 0 ||
	       expect(arg, "host0", false) < 0 ? -1 : 0;
}

/* Not without bound: the one that was longest not met is forgotten. */
static void test_so_many_servers_are_remembered(void **state)
{
	struct pair p = { .server_tls = server_context("good") };

	(void)state;
	p.client_tls = context((struct rondo_tls_context_options){ .verify = RONDO_TLS_VERIFY_NONE });
	run_pair(crowd_main, &p);
}

/* --- connections through the kernel ------------------------------------------------------------ */

static int greet(rondo_stream *s, void *arg)
{
	(void)arg;
	return rondo_stream_write(s, "x", 1);
}

static int listen_tls(struct pair *p, rondo_server **server)
{
	const struct rondo_server_options o = { .wrapper = rondo_tls_wrapper(p->server_tls) };

	return rondo_start_server(greet, NULL, "127.0.0.1", 0, &o, server);
}

static int call(struct pair *p, rondo_server *server, bool resumed)
{
	const struct rondo_connection_options o = { .wrapper = rondo_tls_wrapper(p->client_tls) };
	rondo_stream *s;
	char c;

	CHECK_EQUAL(rondo_open_connection("127.0.0.1", rondo_server_port(server), &o, &s), 0);
	CHECK_EQUAL(rondo_tls_resumed(s), resumed);
	CHECK_EQUAL(rondo_stream_read(s, &c, 1), 1);
	return rondo_stream_close(s);
}

static int ports_main(void *arg)
{
	rondo_server *a, *b;

	CHECK_EQUAL(listen_tls(arg, &a), 0);
	CHECK_EQUAL(listen_tls(arg, &b), 0);
	if (call(arg, a, false) < 0 || call(arg, b, false) < 0 || call(arg, a, true) < 0 ||
	    call(arg, b, true) < 0)
		return -1;
	CHECK_EQUAL(rondo_server_shutdown(a, 5), 0);
	CHECK_EQUAL(rondo_server_shutdown(b, 5), 0);
	rondo_server_free(a);
	rondo_server_free(b);
	return 0;
}

static void test_a_session_is_of_one_port(void **state)
{
	struct pair p = new_pair();

	(void)state;
	run_pair(ports_main, &p);
}

static int worker_main(void *arg)
{
	struct pair p = *(struct pair *)arg;

	for (int i = 0; i < 20; i++)
		if (open_pair(&p, i % 2 ? "localhost" : "127.0.0.1") < 0 || pair_close(&p) < 0)
			return -1;
	return 0;
}

static void test_threads_share_what_is_kept(void **state)
{
	struct pair p = new_pair();
	int ret = rondo_run_workers(4, worker_main, &p);

	(void)state;
	assert_checks_passed();
	assert_int_equal(ret, 0);
	rondo_tls_context_free(p.server_tls);
	rondo_tls_context_free(p.client_tls);
}

/* --- which sessions are not used ---------------------------------------------------------------- */

static int twice_main(void *arg)
{
	struct pair *first = arg, second = *first;

	if (expect(first, "localhost", false) < 0 || pair_plain(&second) < 0 ||
	    pair_plain(first) < 0)
		return -1;
	CHECK_EQUAL(RONDO_GATHER(rondo_create_task(pair_connect, first),
				 rondo_create_task(pair_connect, &second),
				 rondo_create_task(pair_serve, first),
				 rondo_create_task(pair_serve, &second)), 0);
	CHECK_EQUAL(first->client_ret | second.client_ret, 0);
	CHECK_EQUAL(rondo_tls_resumed(first->client) + rondo_tls_resumed(second.client), 1);
	return pair_close(first) < 0 ? -1 : pair_close(&second);
}

/* RFC 8446, C.4: else who listens knows that both are the same client's. */
static void test_a_session_is_used_by_one_connection(void **state)
{
	struct pair p = new_pair();

	(void)state;
	run_pair(twice_main, &p);
	p = old_pair();
	run_pair(twice_main, &p);
}

static int failed_main(void *arg)
{
	struct pair *p = arg;
	char c;

	if (open_pair(p, "localhost") < 0)
		return -1;
	CHECK_EQUAL(send(rondo_stream_fd(p->server), "no record at all", 16, 0), 16);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), -EPROTO);
	rondo_stream_close(p->client);
	rondo_stream_abort(p->server);
	return expect(p, "localhost", false);
}

static void test_the_session_of_what_failed_is_forgotten(void **state)
{
	struct pair p = new_pair();

	(void)state;
	run_pair(failed_main, &p);
}

static int orphan_main(void *arg)
{
	struct pair *p = arg;
	char c;

	p->host = "localhost";
	if (pair_open(p) < 0)
		return -1;
	rondo_tls_context_free(p->client_tls);
	rondo_tls_context_free(p->server_tls);
	p->client_tls = p->server_tls = NULL;
	CHECK_EQUAL(rondo_stream_write(p->server, "x", 1), 0);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), 1);
	return pair_close(p);
}

/* Its sessions come when nobody can want them any more. */
static void test_a_stream_may_outlive_its_context(void **state)
{
	struct pair p = new_pair();

	(void)state;
	run_pair(orphan_main, &p);
}

static uint64_t ahead_ns;

static uint64_t later(const struct kernel *k, clockid_t clock)
{
	return rondo__kernel_linux.now(k, clock) + ahead_ns;
}

static void pass_minutes(unsigned n)
{
	ahead_ns += n * UINT64_C(60000000000);
}

static int old_main(void *arg)
{
	if (expect(arg, "localhost", false) < 0)
		return -1;
	pass_minutes(60);
	if (expect(arg, "localhost", true) < 0)
		return -1;
	pass_minutes(59);
	if (expect(arg, "localhost", true) < 0)
		return -1;
	pass_minutes(1);
	return expect(arg, "localhost", false);
}

static void run_later(struct pair p)
{
	const struct rondo_options small = { .sq_entries = 16 };
	struct kernel kernel = rondo__kernel_linux;

	kernel.now = later;
	assert_int_equal(rondo__run_on(&kernel, &small, old_main, &p), 0);
	assert_checks_passed();
	rondo_tls_context_free(p.server_tls);
	rondo_tls_context_free(p.client_tls);
}

/* Two hours after the certificate was verified it is verified again, though in the meantime there was
 * always a newer session. */
static void test_a_server_is_verified_anew_in_time(void **state)
{
	(void)state;
	run_later(new_pair());
	run_later(old_pair());
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_the_next_connection_resumes),
	cmocka_unit_test(test_no_tickets_no_resumption),
	cmocka_unit_test(test_a_session_is_of_one_name),
	cmocka_unit_test(test_so_many_servers_are_remembered),
	cmocka_unit_test(test_a_session_is_of_one_port),
	cmocka_unit_test(test_threads_share_what_is_kept),
	cmocka_unit_test(test_a_session_is_used_by_one_connection),
	cmocka_unit_test(test_the_session_of_what_failed_is_forgotten),
	cmocka_unit_test(test_a_stream_may_outlive_its_context),
	cmocka_unit_test(test_a_server_is_verified_anew_in_time),
};

TLS_MAIN(tests)
