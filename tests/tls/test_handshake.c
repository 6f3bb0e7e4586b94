/* SPDX-License-Identifier: MIT */
/* test_handshake.c - goal: whom TLS believes, what both sides are told when it does not, and what
 * they agree on (row H1). Method: both ends in one loop over a socket pair, with certificates of
 * every kind. */
#include "pair.h"

#include <fcntl.h>
#include <openssl/ssl.h>

static int talk(struct pair *p)
{
	char buf[8];

	CHECK_EQUAL(rondo_stream_write(p->client, "ping", 4), 0);
	CHECK_EQUAL(rondo_stream_read(p->server, buf, sizeof(buf)), 4);
	CHECK(memcmp(buf, "ping", 4) == 0);
	CHECK_EQUAL(rondo_stream_write(p->server, "pong!", 5), 0);
	CHECK_EQUAL(rondo_stream_read(p->client, buf, sizeof(buf)), 5);
	CHECK(memcmp(buf, "pong!", 5) == 0);
	return 0;
}

static int talk_main(void *arg)
{
	struct pair *p = arg;

	return pair_open(p) < 0 || talk(p) < 0 ? -1 : pair_close(p);
}

static void run_talk(const char *name, const char *host)
{
	struct pair p = { .server_tls = server_context(name), .client_tls = client_context(),
			  .host = host };

	run_pair(talk_main, &p);
}

static void test_a_good_certificate_is_believed(void **state)
{
	(void)state;
	run_talk("good", "localhost");
	run_talk("good", "LOCALHOST");
	run_talk("good", "localhost.");
	run_talk("good", "127.0.0.1");
	run_talk("fixed", "localhost");
	run_talk("wild", "www.example.test");
}

/* H1: server_hostname '' skips the check of the name, not of the rest. */
static void test_an_empty_host_is_anybody(void **state)
{
	(void)state;
	run_talk("other", "");
}

/* --- refusals ------------------------------------------------------------------------------ */

static int refused_main(void *arg)
{
	struct pair *p = arg;

	if (pair_plain(p) < 0)
		return -1;
	CHECK_EQUAL(pair_shake_hands(p), 0);
	rondo_stream_close(p->client);
	rondo_stream_close(p->server);
	return 0;
}

/* The client does not believe the server: both say why. */
static void assert_refused(const char *name, const char *host, const char *client_why,
			   const char *server_why)
{
	struct pair p = { .server_tls = server_context(name), .client_tls = client_context(),
			  .host = host };

	run_pair(refused_main, &p);
	assert_int_equal(p.client_ret, -EKEYREJECTED);
	assert_string_equal(p.client_why, client_why);
	assert_int_equal(p.server_ret, -EPROTO);
	assert_int_equal(last_failure_error, -EPROTO);
	assert_string_equal(last_failure, server_why);
}

static void test_a_bad_certificate_is_refused_and_both_sides_say_why(void **state)
{
	(void)state;
	assert_refused("expired", NULL, "certificate verify failed: certificate has expired",
		       "refused by the peer: sslv3 alert certificate expired");
	assert_refused("other", NULL, "certificate verify failed: hostname mismatch",
		       "refused by the peer: sslv3 alert bad certificate");
	assert_refused("good", "127.0.0.2", "certificate verify failed: IP address mismatch",
		       "refused by the peer: sslv3 alert bad certificate");
	assert_refused("wild", "a.b.example.test", "certificate verify failed: hostname mismatch",
		       "refused by the peer: sslv3 alert bad certificate");
	assert_refused("selfsigned", NULL, "certificate verify failed: self-signed certificate",
		       "refused by the peer: tlsv1 alert unknown ca");
	assert_refused("unknown", NULL,
		       "certificate verify failed: unable to get local issuer certificate",
		       "refused by the peer: tlsv1 alert unknown ca");
}

/* Without ca_file the system's authorities count, and ours is not among them. */
static void test_the_default_is_the_systems_authorities(void **state)
{
	struct pair p = { .server_tls = server_context("good") };

	(void)state;
	p.client_tls = context((struct rondo_tls_context_options){ .ca_file = NULL });
	run_pair(refused_main, &p);
	assert_int_equal(p.client_ret, -EKEYREJECTED);
	assert_string_equal(p.client_why,
			    "certificate verify failed: unable to get local issuer certificate");

	setenv("SSL_CERT_FILE", "ca.pem", 1);
	p = (struct pair){ .server_tls = server_context("good") };
	p.client_tls = context((struct rondo_tls_context_options){ .ca_file = NULL });
	unsetenv("SSL_CERT_FILE");
	run_pair(talk_main, &p);
}

static void test_a_client_may_believe_anybody(void **state)
{
	struct pair p = { .server_tls = server_context("selfsigned") };

	(void)state;
	p.client_tls = context((struct rondo_tls_context_options){
		.verify = RONDO_TLS_VERIFY_NONE });
	run_pair(talk_main, &p);
}

static int nameless_main(void *arg)
{
	struct pair *p = arg;

	if (pair_plain(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_start_tls(&p->client, p->client_tls, NULL), -EINVAL);
	CHECK(strcmp(rondo_tls_error(p->client), "no server_hostname to verify") == 0);
	rondo_stream_close(p->client);
	rondo_stream_close(p->server);
	return 0;
}

/* H1: who verifies needs a name; forgetting it is not the same as not wanting it. */
static void test_a_client_must_say_whom_it_wants(void **state)
{
	struct pair p = { .client_tls = client_context() };

	(void)state;
	run_pair(nameless_main, &p);
}

/* --- clients' certificates ----------------------------------------------------------------- */

static rondo_tls_context *asking_server(enum rondo_tls_verify verify)
{
	return context((struct rondo_tls_context_options){
		.is_server = true, .cert_file = "both.pem", .ca_file = "ca.pem", .verify = verify,
		.on_failure = note_failure });
}

static rondo_tls_context *client_with(const char *cert, const char *key)
{
	return context((struct rondo_tls_context_options){ .ca_file = "ca.pem", .cert_file = cert,
							   .key_file = key });
}

static int subject_main(void *arg)
{
	struct pair *p = arg;
	char subject[64], *pem;

	if (talk_main(p) < 0 || pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_tls_peer_subject(p->server, subject, sizeof(subject)), 19);
	CHECK(strcmp(subject, "CN=a client,O=rondo") == 0);
	CHECK_EQUAL(rondo_tls_peer_subject(p->server, subject, 4), 3);
	CHECK(strcmp(subject, "CN=") == 0);
	CHECK(rondo_tls_peer_certificate(p->client, &pem) > 100);
	CHECK(strncmp(pem, "-----BEGIN CERTIFICATE-----\n", 28) == 0);
	free(pem);
	return pair_close(p);
}

static void test_a_server_may_ask_for_the_clients_certificate(void **state)
{
	struct pair p = { .server_tls = asking_server(RONDO_TLS_VERIFY_REQUIRED),
			  .client_tls = client_with("client.pem", "client.key") };

	(void)state;
	run_pair(subject_main, &p);
}

static int no_subject_main(void *arg)
{
	struct pair *p = arg;
	char subject[64], *pem;

	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_tls_peer_subject(p->server, subject, sizeof(subject)), -ENODATA);
	CHECK_EQUAL(rondo_tls_peer_certificate(p->server, &pem), -ENODATA);
	return pair_close(p);
}

static void test_an_optional_certificate_may_be_missing(void **state)
{
	struct pair p = { .server_tls = asking_server(RONDO_TLS_VERIFY_OPTIONAL),
			  .client_tls = client_context() };

	(void)state;
	run_pair(no_subject_main, &p);
}

/* In TLS 1.3 the client hears of it when it reads. */
static int client_refused_main(void *arg)
{
	struct pair *p = arg;
	char c;

	if (pair_plain(p) < 0)
		return -1;
	CHECK_EQUAL(pair_shake_hands(p), 0);
	CHECK(p->client);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), -EPROTO);
	snprintf(p->client_why, sizeof(p->client_why), "%s", rondo_tls_error(p->client));
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), -EPROTO);
	rondo_stream_close(p->client);
	return 0;
}

static void assert_client_refused(enum rondo_tls_verify verify, rondo_tls_context *client,
				  int error, const char *server_why, const char *client_why)
{
	struct pair p = { .server_tls = asking_server(verify), .client_tls = client };

	run_pair(client_refused_main, &p);
	assert_int_equal(p.server_ret, error);
	assert_string_equal(last_failure, server_why);
	assert_string_equal(p.client_why, client_why);
}

static void test_a_bad_client_is_refused_and_both_sides_say_why(void **state)
{
	(void)state;
	assert_client_refused(RONDO_TLS_VERIFY_REQUIRED, client_context(), -EPROTO,
			      "peer did not return a certificate",
			      "refused by the peer: tlsv13 alert certificate required");
	assert_client_refused(RONDO_TLS_VERIFY_OPTIONAL, client_with("expired.pem", "expired.key"),
			      -EKEYREJECTED, "certificate verify failed: certificate has expired",
			      "refused by the peer: sslv3 alert certificate expired");
	assert_client_refused(RONDO_TLS_VERIFY_REQUIRED, client_with("unknown.pem", "unknown.key"),
			      -EKEYREJECTED,
			      "certificate verify failed: unable to get local issuer certificate",
			      "refused by the peer: tlsv1 alert unknown ca");
}

/* --- what is agreed on --------------------------------------------------------------------- */

static const char *const h2_http[] = { "h2", "http/1.1", NULL };
static const char *const http[] = { "spdy", "http/1.1", NULL };
static const char *const ftp[] = { "ftp", NULL };

static const char *agreed[2];

static int alpn_main(void *arg)
{
	struct pair *p = arg;

	if (pair_open(p) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		const char *name = rondo_tls_alpn(i ? p->server : p->client);

		CHECK(!name == !agreed[0]);
		CHECK(!name || strcmp(name, agreed[0]) == 0);
	}
	return pair_close(p);
}

static struct pair alpn_pair(const char *const *server, const char *const *client)
{
	return (struct pair){
		.server_tls = context((struct rondo_tls_context_options){
			.is_server = true, .cert_file = "both.pem", .alpn = server,
			.on_failure = note_failure }),
		.client_tls = context((struct rondo_tls_context_options){ .ca_file = "ca.pem",
									  .alpn = client }),
	};
}

static void assert_alpn(const char *const *server, const char *const *client, const char *name)
{
	struct pair p = alpn_pair(server, client);

	agreed[0] = name;
	run_pair(alpn_main, &p);
}

static void test_alpn(void **state)
{
	struct pair p;

	(void)state;
	assert_alpn(h2_http, h2_http, "h2");
	assert_alpn(h2_http, http, "http/1.1");
	assert_alpn(http, h2_http, "http/1.1");
	assert_alpn(NULL, h2_http, NULL);
	assert_alpn(h2_http, NULL, NULL);
	p = alpn_pair(ftp, h2_http);
	run_pair(refused_main, &p);
	assert_int_equal(p.client_ret, -EPROTO);
	assert_string_equal(p.client_why, "refused by the peer: tlsv1 alert no application protocol");
	assert_string_equal(last_failure, "no application protocol");
}

static rondo_tls_context *asked_for;
static char asked_name[64];

static int name_main(void *arg)
{
	struct pair *p = arg;
	char subject[64];

	if (pair_open(p) < 0)
		return -1;
	CHECK(rondo_tls_peer_subject(p->client, subject, sizeof(subject)) > 0);
	CHECK(strcmp(subject, agreed[0]) == 0);
	CHECK(strcmp(rondo_tls_server_name(p->server), p->host) == 0);
	return pair_close(p);
}

static void assert_name(rondo_tls_context *server, const char *host, const char *subject)
{
	struct pair p = { .server_tls = server, .client_tls = client_context(), .host = host };

	agreed[0] = subject;
	run_pair(name_main, &p);
}

static rondo_tls_context *server_of_names(void)
{
	rondo_tls_context *c = server_context("good");

	assert_int_equal(rondo_tls_context_add_name(c, "*.example.test", "wild.pem", "wild.key"), 0);
	assert_int_equal(rondo_tls_context_add_name(c, "example.test", "other.pem", "other.key"), 0);
	return c;
}

static void test_a_server_has_a_certificate_for_each_name(void **state)
{
	(void)state;
	assert_name(server_of_names(), "localhost", "CN=localhost,O=rondo");
	assert_name(server_of_names(), "example.test", "CN=example.test,O=rondo");
	assert_name(server_of_names(), "www.Example.test", "CN=*.example.test,O=rondo");
	assert_refused("good", "nowhere.test", "certificate verify failed: hostname mismatch",
		       "refused by the peer: sslv3 alert bad certificate");
}

static int pick(const char *name, rondo_tls_context **c, void *arg)
{
	(void)arg;
	snprintf(asked_name, sizeof(asked_name), "%s", name);
	if (strcmp(name, "localhost") == 0)
		return -ENOENT;
	*c = asked_for;
	return 0;
}

static rondo_tls_context *picking_server(void)
{
	return context((struct rondo_tls_context_options){
		.is_server = true, .cert_file = "both.pem", .on_server_name = pick,
		.on_failure = note_failure });
}

static void test_a_server_may_be_asked_for_a_names_context(void **state)
{
	struct pair p = { .server_tls = picking_server(), .client_tls = client_context() };

	(void)state;
	asked_for = server_context("other");
	assert_name(picking_server(), "example.test", "CN=example.test,O=rondo");
	assert_string_equal(asked_name, "example.test");
	rondo_tls_context_free(asked_for);
	run_pair(refused_main, &p);
	assert_int_equal(p.client_ret, -EPROTO);
	assert_string_equal(p.client_why, "refused by the peer: tlsv1 unrecognized name");
}

static struct pair strict_pair(rondo_tls_context *client)
{
	return (struct pair){ .server_tls = picking_server(), .client_tls = client,
			      .host = "example.test" };
}

/* It has its own mind about clients, too. */
static void test_a_names_context_verifies_clients(void **state)
{
	struct pair p = strict_pair(client_context());

	(void)state;
	asked_for = context((struct rondo_tls_context_options){
		.is_server = true, .cert_file = "other.pem", .key_file = "other.key",
		.ca_file = "ca.pem", .verify = RONDO_TLS_VERIFY_REQUIRED });
	run_pair(client_refused_main, &p);
	assert_int_equal(p.server_ret, -EPROTO);
	assert_string_equal(last_failure, "peer did not return a certificate");
	p = strict_pair(client_with("client.pem", "client.key"));
	run_pair(talk_main, &p);
	rondo_tls_context_free(asked_for);
}

static int version_main(void *arg)
{
	struct pair *p = arg;

	if (pair_open(p) < 0 || talk(p) < 0)
		return -1;
	CHECK(strcmp(rondo_tls_version(p->client), "TLSv1.2") == 0);
	CHECK(strcmp(rondo_tls_cipher(p->server), "ECDHE-ECDSA-AES256-GCM-SHA384") == 0);
	CHECK(rondo_tls_native(p->client) && !rondo_tls_alpn(p->client));
	return pair_close(p);
}

static void test_versions_and_ciphers(void **state)
{
	struct pair p = { .server_tls = server_context("good"), .client_tls = client_context() };

	(void)state;
	SSL_CTX_set_max_proto_version(rondo_tls_context_native(p.client_tls), TLS1_2_VERSION);
	run_pair(version_main, &p);
	p = (struct pair){ .server_tls = server_context("good"), .client_tls = client_context() };
	SSL_CTX_set_min_proto_version(rondo_tls_context_native(p.client_tls), TLS1_1_VERSION);
	SSL_CTX_set_max_proto_version(rondo_tls_context_native(p.client_tls), TLS1_1_VERSION);
	run_pair(refused_main, &p);
	assert_int_equal(p.server_ret < 0 && p.client_ret < 0, true);
	p = (struct pair){ .client_tls = client_context() };
	p.server_tls = context((struct rondo_tls_context_options){
		.is_server = true, .cert_file = "both.pem", .min_version = RONDO_TLS_1_3 });
	SSL_CTX_set_max_proto_version(rondo_tls_context_native(p.client_tls), TLS1_2_VERSION);
	run_pair(refused_main, &p);
	assert_int_equal(p.client_ret, -EPROTO);
	assert_string_equal(p.client_why, "refused by the peer: tlsv1 alert protocol version");
}

/* --- threads ------------------------------------------------------------------------------- */

static int worker_main(void *arg)
{
	const struct pair *shared = arg;

	for (int i = 0; i < 10; i++) {
		struct pair p = *shared;

		if (talk_main(&p) < 0)
			return -1;
		p.host = "nobody.test";
		if (refused_main(&p) < 0)
			return -1;
		CHECK_EQUAL(p.client_ret, -EKEYREJECTED);
		CHECK(strcmp(p.client_why, "certificate verify failed: hostname mismatch") == 0);
	}
	return 0;
}

static void test_loops_of_several_threads_share_contexts(void **state)
{
	struct pair p = { .client_tls = client_context() };
	int ret;

	(void)state;
	p.server_tls = context((struct rondo_tls_context_options){ .is_server = true,
								   .cert_file = "both.pem" });
	ret = rondo_run_workers(4, worker_main, &p);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	rondo_tls_context_free(p.server_tls);
	rondo_tls_context_free(p.client_tls);
}

/* --- contexts that cannot be --------------------------------------------------------------- */

static void assert_no_context(struct rondo_tls_context_options o, int error, const char *why)
{
	rondo_tls_context *c = NULL;

	assert_int_equal(rondo_tls_context_new(&o, &c), error);
	assert_null(c);
	if (!strstr(rondo_tls_error(NULL), why))
		print_error("\"%s\", which should contain \"%s\"\n", rondo_tls_error(NULL), why);
	assert_non_null(strstr(rondo_tls_error(NULL), why));
}

static void test_a_bad_context_is_refused_with_a_reason(void **state)
{
	const char *const empty[] = { "", NULL };

	(void)state;
#define SERVER(...) (struct rondo_tls_context_options){ .is_server = true, __VA_ARGS__ }
#define CLIENT(...) (struct rondo_tls_context_options){ __VA_ARGS__ }
	assert_no_context(SERVER(.cert_file = NULL), -EINVAL, "a server needs a cert_file");
	assert_no_context(SERVER(.cert_file = "none.pem"), -ENOENT,
			  "certificate none.pem: No such file or directory");
	assert_no_context(SERVER(.cert_file = "good.pem", .key_file = "other.key"), -EINVAL,
			  "key other.key: key values mismatch");
	assert_no_context(SERVER(.cert_file = "good.pem"), -EINVAL, "key good.pem: unsupported");
	assert_no_context(SERVER(.cert_file = "both.pem", .verify = RONDO_TLS_VERIFY_REQUIRED),
			  -EINVAL, "needs a ca_file");
	assert_no_context(CLIENT(.ca_file = "none.pem"), -ENOENT,
			  "authorities none.pem: No such file or directory");
	assert_no_context(CLIENT(.ciphers = "no such cipher"), -EINVAL, "no cipher match");
	assert_no_context(CLIENT(.verify = RONDO_TLS_VERIFY_OPTIONAL), -EINVAL, "verifies or does not");
	assert_no_context(CLIENT(.handshake_timeout = -1), -EINVAL, "a timeout is more than 0");
	assert_no_context(CLIENT(.alpn = empty), -EINVAL, "1 to 255 bytes");
}

/* OpenSSL would ask whoever sits at the terminal. Here is one who would answer. */
static void test_nobody_is_asked_for_a_password(void **state)
{
	int fds[2], terminal = dup(STDIN_FILENO);

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "secret\nsecret\n", 14), 14);
	assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	assert_no_context(SERVER(.cert_file = "good.pem", .key_file = "locked.key"), -EINVAL,
			  "key locked.key: ");
	assert_no_context(SERVER(.cert_file = "good.pem", .key_file = "locked.key",
				 .key_password = "wrong"), -EINVAL, "key locked.key: ");
	rondo_tls_context_free(context(SERVER(.cert_file = "good.pem", .key_file = "locked.key",
					      .key_password = "secret")));
	assert_int_equal(dup2(terminal, STDIN_FILENO), STDIN_FILENO);
	close(terminal);
	close(fds[0]);
	close(fds[1]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_a_good_certificate_is_believed),
	cmocka_unit_test(test_an_empty_host_is_anybody),
	cmocka_unit_test(test_a_bad_certificate_is_refused_and_both_sides_say_why),
	cmocka_unit_test(test_the_default_is_the_systems_authorities),
	cmocka_unit_test(test_a_client_may_believe_anybody),
	cmocka_unit_test(test_a_client_must_say_whom_it_wants),
	cmocka_unit_test(test_a_server_may_ask_for_the_clients_certificate),
	cmocka_unit_test(test_an_optional_certificate_may_be_missing),
	cmocka_unit_test(test_a_bad_client_is_refused_and_both_sides_say_why),
	cmocka_unit_test(test_alpn),
	cmocka_unit_test(test_a_server_has_a_certificate_for_each_name),
	cmocka_unit_test(test_a_server_may_be_asked_for_a_names_context),
	cmocka_unit_test(test_a_names_context_verifies_clients),
	cmocka_unit_test(test_versions_and_ciphers),
	cmocka_unit_test(test_loops_of_several_threads_share_contexts),
	cmocka_unit_test(test_a_bad_context_is_refused_with_a_reason),
	cmocka_unit_test(test_nobody_is_asked_for_a_password),
};

TLS_MAIN(tests)
