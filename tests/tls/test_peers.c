/* SPDX-License-Identifier: MIT */
/* test_peers.c - goal: we talk with those who share nothing with us: openssl's s_client and s_server,
 * and Python's ssl; each bad certificate is refused, and both sides say why. Method: the peer is a
 * child process, we are a server or a client on loopback TCP. */
#include "pair.h"

#include <fcntl.h>
#include <signal.h>

static char peer_out[65536];		/* what the last peer printed, both outputs */

struct talk {
	const char *peer;		/* a command; %d: our port */
	const char *server_cert;
	const struct rondo_tls_context_options *server;	/* all but its certificate; or NULL */
	const char *host;		/* a client: whom we want; NULL: localhost */
	const char *client_cert;
	int n_connections;		/* a client: one after the other; 0: one */
	bool resumed;			/* the last one was */
	int ret;			/* of our handshake, or of the read that told */
	int status;			/* of the peer */
	char why[200];
	rondo_stream *out;
	pid_t pid;
};

/* --- the peer ------------------------------------------------------------------------------ */

static int start_peer(struct talk *t, int port)
{
	char command[400];
	int fds[2];

	snprintf(command, sizeof(command), t->peer, port);
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	t->pid = fork();
	if (t->pid == 0) {
		signal(SIGINT, SIG_DFL);	/* a shell's background jobs ignore it */
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	CHECK(t->pid > 0);
	close(fds[1]);
	peer_out[0] = '\0';
	return rondo_stream_from_fd(fds[0], NULL, &t->out);
}

static void keep(const char *text, size_t n)
{
	size_t at = strlen(peer_out);

	if (n > sizeof(peer_out) - 1 - at)
		n = sizeof(peer_out) - 1 - at;
	memcpy(peer_out + at, text, n);
	peer_out[at + n] = '\0';
}

static int end_peer(struct talk *t)
{
	const void *text;
	siginfo_t info;
	ssize_t n;

	while ((n = rondo_stream_lend(t->out, &text)) > 0)
		keep(text, (size_t)n);
	CHECK_EQUAL(n, 0);
	rondo_stream_close(t->out);
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)t->pid, &info, WEXITED), 0);
	t->status = info.si_status;
	return 0;
}

/* A server tells where it listens, "ACCEPT 127.0.0.1:4433". */
static int port_of_peer(struct talk *t)
{
	const char *line;
	ssize_t n;

	while ((n = rondo_stream_read_line(t->out, &line)) > 0) {
		keep(line, (size_t)n);
		if (strncmp(line, "ACCEPT ", 7) == 0)
			return atoi((const char *)memrchr(line, ':', (size_t)n) + 1);
	}
	return -ENOENT;
}

/* --- we are the server --------------------------------------------------------------------- */

/* A line is answered; anything else comes back. */
static int answer(rondo_stream *s, void *arg)
{
	static char data[1 << 20];
	const char *line;
	char greeting[8];
	ssize_t n;

	(void)arg;
	CHECK_EQUAL(rondo_stream_read_exactly(s, greeting, 5, NULL), 0);
	if (memcmp(greeting, "hello", 5) == 0) {
		CHECK(rondo_stream_read_line(s, &line) > 0);
		return rondo_stream_printf(s, "from %s to %s\n", rondo_tls_version(s),
					   rondo_tls_server_name(s));
	}
	CHECK_EQUAL(rondo_stream_write(s, greeting, 5), 0);
	while ((n = rondo_stream_read(s, data, sizeof(data))) > 0)
		CHECK_EQUAL(rondo_stream_write(s, data, (size_t)n), 0);
	return (int)n;
}

static int serve_main(void *arg)
{
	static const char *const alpn[] = { "h2", NULL };
	struct talk *t = arg;
	char key[64], cert[64];
	struct rondo_tls_context_options o = { .alpn = alpn };
	struct rondo_server_options options = { .limit = 0 };
	rondo_tls_context *tls;
	rondo_server *server;

	snprintf(cert, sizeof(cert), "%s.pem", t->server_cert);
	snprintf(key, sizeof(key), "%s.key", t->server_cert);
	if (t->server)
		o = *t->server;
	o.is_server = true;
	o.cert_file = cert;
	o.key_file = key;
	o.on_failure = note_failure;
	CHECK_EQUAL(rondo_tls_context_new(&o, &tls), 0);
	CHECK_EQUAL(rondo_tls_context_add_name(tls, "example.test", "other.pem", "other.key"), 0);
	options.wrapper = rondo_tls_wrapper(tls);
	last_failure[0] = '\0';
	last_failure_error = 0;
	CHECK_EQUAL(rondo_start_server(answer, NULL, "127.0.0.1", 0, &options, &server), 0);
	if (start_peer(t, rondo_server_port(server)) < 0 || end_peer(t) < 0)
		return -1;
	CHECK_EQUAL(rondo_server_shutdown(server, 5), 0);
	rondo_server_free(server);
	rondo_tls_context_free(tls);
	return 0;
}

static void assert_said(const char *text)
{
	if (!strstr(peer_out, text))
		print_error("the peer did not say \"%s\", but:\n%s\n", text, peer_out);
	assert_non_null(strstr(peer_out, text));
}

static void serve_as(const struct rondo_tls_context_options *server, const char *cert,
		     const char *peer, int status)
{
	struct talk t = { .peer = peer, .server_cert = cert, .server = server };

	assert_int_equal(rondo_run(serve_main, &t), 0);
	assert_checks_passed();
	if (t.status != status)
		print_error("exit %d, and it said:\n%s\n", t.status, peer_out);
	assert_int_equal(t.status, status);
}

static void serve(const char *cert, const char *peer, int status)
{
	serve_as(NULL, cert, peer, status);
}

#define S_CLIENT "printf 'hello\\n' | openssl s_client -ign_eof -connect 127.0.0.1:%d -CAfile ca.pem " \
		 "-verify_return_error -verify_hostname localhost "

static void test_s_client_is_served(void **state)
{
	(void)state;
	serve("good", S_CLIENT "-servername localhost -alpn h2", 0);
	assert_said("from TLSv1.3 to localhost\n");
	assert_said("ALPN protocol: h2\n");
	assert_said("Verification: OK\n");
	serve("good", S_CLIENT "-servername localhost -tls1_2", 0);
	assert_said("from TLSv1.2 to localhost\n");
	serve("good", "printf 'hello\\n' | openssl s_client -ign_eof -connect 127.0.0.1:%d "
		      "-CAfile ca.pem -servername example.test", 0);
	assert_said("from TLSv1.3 to example.test\n");
	assert_said("subject=O = rondo, CN = example.test\n");
	assert_string_equal(last_failure, "");
}

static int times_said(const char *text)
{
	int n = 0;

	for (const char *at = peer_out; (at = strstr(at, text)); at++)
		n++;
	return n;
}

/* Without a cache of ours: what there is to know of the session is in the ticket. Two at
 * first, so that two connections may resume, then each brings its successor; no early data. */
static void test_s_client_resumes_a_session(void **state)
{
	(void)state;
	serve("good", "printf 'hello\\n' | openssl s_client -ign_eof -connect 127.0.0.1:%d "
		      "-sess_out session -tls1_2", 0);
	serve("good", "for i in 1 2; do printf 'hello\\n' | openssl s_client -ign_eof -connect "
		      "127.0.0.1:%1$d -sess_out session -servername localhost "
		      "`[ $i = 1 ] || echo -sess_in session`; done", 0);
	assert_said("Reused, TLSv1.3");
	assert_int_equal(times_said("Post-Handshake New Session Ticket arrived"), 2 + 1);
	assert_int_equal(times_said("Max Early Data: 0\n"), 2 + 1);
}

static void test_s_client_refuses_us(void **state)
{
	(void)state;
	serve("expired", S_CLIENT "-servername localhost", 1);
	assert_said("certificate has expired");
	assert_string_equal(last_failure, "refused by the peer: sslv3 alert certificate expired");
	serve("other", S_CLIENT "-servername localhost", 1);
	assert_said("hostname mismatch");
	assert_string_equal(last_failure, "refused by the peer: sslv3 alert bad certificate");
	serve("unknown", S_CLIENT "-servername localhost", 1);
	assert_said("unable to get local issuer certificate");
	assert_string_equal(last_failure, "refused by the peer: tlsv1 alert unknown ca");
	assert_int_equal(last_failure_error, -EPROTO);
}

/* A name's context is the one that says whom it believes. */
static int strict_name(const char *name, rondo_tls_context **c, void *arg)
{
	if (strcmp(name, "example.test") == 0)
		*c = arg;
	return 0;
}

#define ASK(name, more) "printf 'hello\\n' | openssl s_client -ign_eof -connect 127.0.0.1:%1$d " \
			"-servername " name " " more

static void test_a_session_of_one_name_is_none_of_another(void **state)
{
	rondo_tls_context *strict = context((struct rondo_tls_context_options){
		.is_server = true, .cert_file = "both.pem", .ca_file = "ca.pem",
		.verify = RONDO_TLS_VERIFY_REQUIRED });
	const struct rondo_tls_context_options o = { .on_server_name = strict_name, .arg = strict };

	(void)state;
	serve_as(&o, "good", ASK("localhost", "-sess_out s") "; "
		 ASK("localhost", "-sess_in s"), 0);
	assert_said("Reused, TLSv1.3");
	serve_as(&o, "good", ASK("localhost", "-sess_out s") "; "
		 ASK("example.test", "-sess_in s"), 1);
	assert_string_equal(last_failure, "callback failed");
	serve_as(&o, "good", ASK("example.test", "-cert client.pem -key client.key -sess_out s") "; "
		 ASK("example.test", "-sess_in s"), 0);
	assert_said("Reused, TLSv1.3");
	rondo_tls_context_free(strict);
}

/* Who is asked for a certificate is told by whom, whatever name it asked for. */
static void test_a_server_says_whose_certificates_it_takes(void **state)
{
	const struct rondo_tls_context_options o = { .ca_file = "ca.pem",
						     .verify = RONDO_TLS_VERIFY_OPTIONAL };

	(void)state;
	serve_as(&o, "good", ASK("localhost", ""), 0);
	assert_said("Acceptable client certificate CA names\nCN = rondo test authority\n");
	serve_as(&o, "good", ASK("example.test", ""), 0);
	assert_said("from TLSv1.3 to example.test\n");
	assert_said("Acceptable client certificate CA names\nCN = rondo test authority\n");
}

static void test_who_speaks_no_tls_is_let_go(void **state)
{
	(void)state;
	if (!have_program("python3 -c pass 2>/dev/null"))
		skip();
	serve("good", "python3 -c 'import socket, sys\n"
		      "s = socket.create_connection((\"127.0.0.1\", %d))\n"
		      "s.sendall(b\"GET / HTTP/1.0\\r\\n\\r\\n\")\n"
		      "print(len(s.recv(100)) > 0, s.recv(100))'", 0);
	assert_string_equal(last_failure, "http request");
	serve("good", "python3 -c 'import socket, sys\n"
		      "socket.create_connection((\"127.0.0.1\", %d)).close()'", 0);
	assert_string_equal(last_failure, "the connection ended in the handshake");
	assert_int_equal(last_failure_error, -ECONNRESET);
}

static const char *python(const char *arguments)
{
	static char command[PATH_MAX + 100];

	if (!have_program("python3 -c 'import ssl' 2>/dev/null")) {
		print_message("there is no python3 with ssl\n");
		skip();
	}
	snprintf(command, sizeof(command), "exec python3 '%s/tests/tls/peer.py' %s",
		 getenv("RONDO_SOURCE"), arguments);
	return command;
}

static void test_a_python_client_is_served(void **state)
{
	(void)state;
	serve("good", python("client %d"), 0);
	assert_said("same TLSv1.3 h2\n");
	serve("expired", python("client %d"), 0);
	assert_said("refused: certificate has expired\n");
	serve("selfsigned", python("client %d"), 0);
	assert_said("refused: self-signed certificate\n");
	serve("wild", python("client %d"), 0);
	assert_said("refused: Hostname mismatch, certificate is not valid for 'localhost'.");
}

/* --- we are the client --------------------------------------------------------------------- */

static int converse(struct talk *t, int port, const struct rondo_connection_options *options)
{
	char line[32];
	rondo_stream *s;

	t->ret = rondo_open_connection(t->host ? t->host : "127.0.0.1", (uint16_t)port, options, &s);
	snprintf(t->why, sizeof(t->why), "%s", t->ret < 0 ? rondo_tls_error(NULL) : "");
	if (t->ret < 0)
		return 0;
	t->resumed = rondo_tls_resumed(s);
	CHECK_EQUAL(rondo_stream_write(s, "hello\n", 6), 0);
	t->ret = rondo_stream_read_exactly(s, line, 6, NULL);
	if (t->ret == 0) {
		CHECK_EQUAL(rondo_stream_shutdown_write(s), 0);
		t->ret = (int)rondo_stream_read(s, line, 1);
	}
	snprintf(t->why, sizeof(t->why), "%s", rondo_tls_error(s));
	rondo_stream_close(s);
	return 0;
}

static int connect_main(void *arg)
{
	struct talk *t = arg;
	struct rondo_tls_context_options o = { .ca_file = "ca.pem" };
	struct rondo_connection_options options = { .delay = 0 };
	char cert[64], key[64];
	rondo_tls_context *tls;
	int port, n = 0;

	if (t->client_cert) {
		snprintf(cert, sizeof(cert), "%s.pem", t->client_cert);
		snprintf(key, sizeof(key), "%s.key", t->client_cert);
		o.cert_file = cert;
		o.key_file = key;
	}
	CHECK_EQUAL(rondo_tls_context_new(&o, &tls), 0);
	CHECK_EQUAL(start_peer(t, 0), 0);
	port = port_of_peer(t);
	CHECK(port > 0);
	options.wrapper = rondo_tls_wrapper(tls);
	do {
		if (converse(t, port, &options) < 0)
			return -1;
	} while (++n < t->n_connections && t->ret == 0);
	rondo_tls_context_free(tls);
	return end_peer(t);
}

static void connect_to(const char *peer, const char *client_cert, int ret, const char *why)
{
	struct talk t = { .peer = peer, .client_cert = client_cert };

	assert_int_equal(rondo_run(connect_main, &t), 0);
	assert_checks_passed();
	if (t.ret != ret || strcmp(t.why, why))
		print_error("%d: %s; the peer said:\n%s\n", t.ret, t.why, peer_out);
	assert_int_equal(t.ret, ret);
	assert_string_equal(t.why, why);
}

#define S_SERVER "exec openssl s_server -accept 127.0.0.1:0 -naccept 1 -rev "

static void test_s_server_is_believed_or_not(void **state)
{
	(void)state;
	connect_to(S_SERVER "-cert good.pem -key good.key", NULL, 0, "");
	connect_to(S_SERVER "-cert good.pem -key good.key -tls1_2", NULL, 0, "");
	connect_to(S_SERVER "-cert other.pem -key other.key", NULL, -EKEYREJECTED,
		   "certificate verify failed: IP address mismatch");
	assert_said("alert bad certificate");
	connect_to(S_SERVER "-cert expired.pem -key expired.key", NULL, -EKEYREJECTED,
		   "certificate verify failed: certificate has expired");
	assert_said("alert certificate expired");
	connect_to(S_SERVER "-cert unknown.pem -key unknown.key", NULL, -EKEYREJECTED,
		   "certificate verify failed: unable to get local issuer certificate");
	assert_said("alert unknown ca");
	connect_to(S_SERVER "-cert selfsigned.pem -key selfsigned.key", NULL, -EKEYREJECTED,
		   "certificate verify failed: self-signed certificate");
}

static void resume(const char *peer)
{
	struct talk t = { .peer = peer, .n_connections = 3 };

	assert_int_equal(rondo_run(connect_main, &t), 0);
	assert_checks_passed();
	assert_string_equal(t.why, "");
	assert_int_equal(t.ret, 0);
	assert_true(t.resumed);
}

static void test_we_resume_sessions_of_s_server(void **state)
{
	(void)state;
	resume("exec openssl s_server -accept 127.0.0.1:0 -naccept 3 -rev -cert good.pem -key good.key");
	resume("exec openssl s_server -accept 127.0.0.1:0 -naccept 3 -rev -cert good.pem -key good.key "
	       "-tls1_2");
	resume("exec openssl s_server -accept 127.0.0.1:0 -naccept 3 -rev -cert good.pem -key good.key "
	       "-tls1_2 -no_ticket");	/* sessions of the server's own cache */
}

#define ASKING "-cert good.pem -key good.key -Verify 1 -verify_return_error -CAfile ca.pem"

static void test_s_server_believes_us_or_not(void **state)
{
	(void)state;
	connect_to(S_SERVER ASKING, "client", 0, "");
	connect_to(S_SERVER ASKING, "expired", -EPROTO,
		   "refused by the peer: sslv3 alert certificate expired");
	connect_to(S_SERVER ASKING, NULL, -EPROTO,
		   "refused by the peer: tlsv13 alert certificate required");
}

static void test_a_python_server(void **state)
{
	(void)state;
	connect_to(python("server good"), NULL, 0, "");
	connect_to(python("server good cut"), NULL, -ECONNRESET,
		   "the connection ended without close_notify");
	connect_to(python("server selfsigned"), NULL, -EKEYREJECTED,
		   "certificate verify failed: self-signed certificate");
	assert_said("refused: TLSV1_ALERT_UNKNOWN_CA\n");
}

/* --- the example ---------------------------------------------------------------------------- */

static int example_main(void *arg)
{
	struct talk *t = arg;
	struct rondo_tls_context_options o = { .ca_file = "ca.pem" };
	struct rondo_connection_options options = { .delay = 0 };
	rondo_tls_context *tls;
	rondo_stream *s;
	char said[64] = "";
	const char *line;
	ssize_t n;
	int port;

	CHECK_EQUAL(rondo_tls_context_new(&o, &tls), 0);
	options.wrapper = rondo_tls_wrapper(tls);
	CHECK_EQUAL(start_peer(t, 0), 0);
	n = rondo_stream_read_line(t->out, &line);
	CHECK(n > 0 && n < (ssize_t)sizeof(said));
	memcpy(said, line, (size_t)n);
	CHECK(sscanf(said, "listening on port %d\n", &port) == 1);
	CHECK_EQUAL(rondo_open_connection("localhost", (uint16_t)port, &options, &s), 0);
	CHECK_EQUAL(rondo_stream_write(s, "hello\n", 6), 0);
	CHECK_EQUAL(rondo_stream_read_line(s, &line), 6);
	CHECK_EQUAL(memcmp(line, "hello\n", 6), 0);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	rondo_tls_context_free(tls);
	CHECK_EQUAL(kill(t->pid, SIGINT), 0);
	return end_peer(t);
}

/* tools/examples/tls_echo.c */
static void test_the_example_echoes_until_it_is_interrupted(void **state)
{
	char command[PATH_MAX + 64];
	struct talk t = { .peer = command };
	int ret;

	(void)state;
	snprintf(command, sizeof(command), "exec '%s/example_tls_echo' good.pem good.key",
		 getenv("RONDO_BUILD"));
	ret = rondo_run(example_main, &t);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_string_equal(peer_out, "");
	assert_int_equal(t.status, 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_s_client_is_served),
	cmocka_unit_test(test_s_client_resumes_a_session),
	cmocka_unit_test(test_s_client_refuses_us),
	cmocka_unit_test(test_a_session_of_one_name_is_none_of_another),
	cmocka_unit_test(test_a_server_says_whose_certificates_it_takes),
	cmocka_unit_test(test_who_speaks_no_tls_is_let_go),
	cmocka_unit_test(test_a_python_client_is_served),
	cmocka_unit_test(test_s_server_is_believed_or_not),
	cmocka_unit_test(test_we_resume_sessions_of_s_server),
	cmocka_unit_test(test_s_server_believes_us_or_not),
	cmocka_unit_test(test_a_python_server),
	cmocka_unit_test(test_the_example_echoes_until_it_is_interrupted),
};

TLS_MAIN(tests)
