/* SPDX-License-Identifier: MIT */
/* test_server_peers.c - goal: whom others wrote can talk to our servers, connections and endpoints:
 * curl, nc, socat, wrk; and a server under load that shuts down gracefully loses no request. Method:
 * a small HTTP server; the peers are child processes of the same loop. Skipped without them. */
#include "stream/servers.h"

#include <sys/stat.h>

#include "rondo/process.h"
#include "rondo/udp.h"

static bool have(const char *program)
{
	char command[100];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	return system(command) == 0;
}

static void need(const char *program)
{
	if (have(program))
		return;
	print_message("%s is not installed\n", program);
	skip();
}

/* Run a shell command to its end. Returns its exit code; what it printed is in *result. */
static int shell(const char *command, const char *input, struct rondo_process_result *result)
{
	const struct rondo_process_options o = { .shell = command };
	int ret = rondo_process_run(&o, input, input ? strlen(input) : 0, result);

	if (ret == 0 && result->returncode && result->n_err)
		print_message("%s: %s\n", command, result->err);
	return ret < 0 ? ret : result->returncode;
}

/* --- a small HTTP server ----------------------------------------------------------------------- */

enum { BODY_BYTES = 100000 };

static struct {
	rondo_server *server;
	unsigned n_requests, n_answers;
	char body[BODY_BYTES];
} http;

/* To the empty line behind the headers. Returns 1, 0 at the end, or an error. */
static int read_request(rondo_stream *s, bool *keep_alive, bool *big)
{
	const char *line;
	ssize_t n = rondo_stream_read_line(s, &line);

	if (n <= 0)
		return (int)n;
	*keep_alive = memmem(line, (size_t)n, "HTTP/1.1", 8);
	*big = memmem(line, (size_t)n, " /big ", 6);
	while ((n = rondo_stream_read_line(s, &line)) > 2)
		if (n >= 17 && !strncasecmp(line, "Connection: close", 17))
			*keep_alive = false;
	return n < 0 ? (int)n : n == 2;
}

/* A server that is closed says so in its next answer: whoever asks then is answered, too. */
static int serve_http(rondo_stream *s, void *arg)
{
	bool keep_alive = true, big = false;
	int ret = 0;

	(void)arg;
	while (keep_alive && (ret = read_request(s, &keep_alive, &big)) > 0) {
		size_t size = big ? sizeof(http.body) : 10;

		http.n_requests++;
		keep_alive &= rondo_server_is_serving(http.server);
		ret = rondo_stream_printf(s, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", size,
					  keep_alive ? "" : "Connection: close\r\n");
		if (ret == 0)
			ret = rondo_stream_write(s, http.body, size);
		if (ret < 0)
			break;
		http.n_answers++;
	}
	return ret > 0 ? 0 : ret;
}

static int start_http(const char *unix_path)
{
	const struct rondo_server_options o = { .stream.write_buffer = 4096 };

	http.n_requests = http.n_answers = 0;
	for (size_t i = 0; i < sizeof(http.body); i++)
		http.body[i] = (char)('a' + i * 7 % 26);
	if (unix_path)
		return rondo_start_unix_server(serve_http, NULL, unix_path, &o, &http.server);
	return rondo_start_server(serve_http, NULL, servers_loopback, 0, &o, &http.server);
}

static int check_curl(const char *arguments, size_t n_expected)
{
	struct rondo_process_result r;
	char command[300];

	snprintf(command, sizeof(command), "curl -sS --max-time 100 %s", arguments);
	CHECK_EQUAL(shell(command, NULL, &r), 0);
	CHECK_EQUAL(r.n_out, n_expected);
	CHECK_EQUAL(memcmp(r.out, http.body, n_expected < BODY_BYTES ? n_expected : BODY_BYTES), 0);
	rondo_process_result_free(&r);
	return 0;
}

static int curl_main(void *arg)
{
	char arguments[200], name[64];

	(void)arg;
	CHECK_EQUAL(start_http(NULL), 0);
	snprintf(arguments, sizeof(arguments), "http://127.0.0.1:%d/big",
		 rondo_server_port(http.server));
	CHECK_EQUAL(check_curl(arguments, BODY_BYTES), 0);
	snprintf(arguments, sizeof(arguments), "-0 http://127.0.0.1:%d/big",
		 rondo_server_port(http.server));
	CHECK_EQUAL(check_curl(arguments, BODY_BYTES), 0);
	snprintf(arguments, sizeof(arguments), "http://127.0.0.1:%d/a",
		 rondo_server_port(http.server));
	CHECK_EQUAL(check_curl(arguments, 10), 0);
	CHECK_EQUAL(rondo_server_shutdown(http.server, 20), 0);
	rondo_server_free(http.server);

	snprintf(name, sizeof(name), "peers-%d.sock", getpid());
	CHECK_EQUAL(start_http(name), 0);
	snprintf(arguments, sizeof(arguments), "--unix-socket %s http://x/big", name);
	CHECK_EQUAL(check_curl(arguments, BODY_BYTES), 0);
	rondo_server_free(http.server);
	snprintf(name, sizeof(name), "@rondo-peers-%d", getpid());
	CHECK_EQUAL(start_http(name), 0);
	snprintf(arguments, sizeof(arguments), "--abstract-unix-socket %s http://x/big", name + 1);
	CHECK_EQUAL(check_curl(arguments, BODY_BYTES), 0);
	rondo_server_free(http.server);
	return 0;
}

static void test_curl(void **state)
{
	(void)state;
	need("curl");
	servers_run(curl_main);
}

/* --- nc and socat ------------------------------------------------------------------------------ */

static int echo_through(const char *format, int port)
{
	static char text[30000];
	struct rondo_process_result r;
	char command[200];

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)(i % 80 == 79 ? '\n' : 'a' + i % 26);
	snprintf(command, sizeof(command), format, port);
	CHECK_EQUAL(shell(command, text, &r), 0);
	CHECK_EQUAL(r.n_out, strlen(text));
	CHECK_EQUAL(memcmp(r.out, text, r.n_out), 0);
	rondo_process_result_free(&r);
	return 0;
}

/* They half-close after their input, and read on. */
static int echo_by(const char *command)
{
	rondo_server *server;

	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, NULL, 0, NULL, &server), 0);
	CHECK_EQUAL(echo_through(command, rondo_server_port(server)), 0);
	rondo_server_free(server);
	return 0;
}

static int nc_main(void *arg)
{
	(void)arg;
	return echo_by("nc -N 127.0.0.1 %d");
}

static int socat_main(void *arg)
{
	(void)arg;
	return echo_by("socat -t 100 - TCP:127.0.0.1:%d");
}

static void test_nc(void **state)
{
	(void)state;
	need("nc");
	if (system("nc -h 2>&1 | grep -q 'N.*Shutdown'") != 0) {
		print_message("this nc cannot half-close (-N)\n");
		skip();
	}
	servers_run(nc_main);
}

static void test_socat(void **state)
{
	(void)state;
	need("socat");
	servers_run(socat_main);
}

/* We are the client of socat's listener. */
static int our_connection(void *arg)
{
	char path[64], command[200];
	struct rondo_process_options o = { .shell = command };
	rondo_process *socat;
	rondo_stream *s;
	int ret;

	(void)arg;
	snprintf(path, sizeof(path), "socat-%d.sock", getpid());
	snprintf(command, sizeof(command), "exec socat -T 100 UNIX-LISTEN:%s EXEC:cat", path);
	CHECK_EQUAL(rondo_process_spawn(&o, &socat), 0);
	do {
		CHECK_EQUAL(rondo_sleep(0.005), 0);
		ret = rondo_open_unix_connection(path, NULL, &s);
	} while (ret == -ENOENT || ret == -ECONNREFUSED);
	CHECK_EQUAL(ret, 0);
	CHECK_EQUAL(servers_say(s, "through another process"), 0);
	CHECK_EQUAL(rondo_stream_shutdown_write(s), 0);
	CHECK_EQUAL(rondo_stream_read(s, command, 1), 0);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	CHECK_EQUAL(rondo_process_wait(socat, NULL), 0);
	(void)rondo_process_close(socat);
	unlink(path);
	return 0;
}

static void test_we_connect_to_socat(void **state)
{
	(void)state;
	need("socat");
	servers_run(our_connection);
}

static int echo_one_datagram(void *arg)
{
	struct rondo_udp_address from;
	char buf[100];
	ssize_t n = rondo_udp_recv_from(arg, buf, sizeof(buf), &from);

	return (int)(n < 0 ? n : rondo_udp_send_to(arg, buf, (size_t)n, &from));
}

static int socat_datagrams(void *arg)
{
	struct rondo_process_result r;
	char command[100];
	rondo_udp *udp;
	rondo_task *task;

	(void)arg;
	CHECK_EQUAL(rondo_udp_open(servers_loopback, 0, NULL, &udp), 0);
	task = rondo_create_task(echo_one_datagram, udp);
	snprintf(command, sizeof(command), "socat -t 100 - UDP:127.0.0.1:%d,readbytes=8",
		 rondo_udp_port(udp));
	CHECK_EQUAL(shell(command, "datagram", &r), 0);
	CHECK_EQUAL(r.n_out, 8);
	CHECK_EQUAL(memcmp(r.out, "datagram", 8), 0);
	rondo_process_result_free(&r);
	CHECK_EQUAL(rondo_await(task), 8);
	return rondo_udp_close(udp);
}

static void test_socat_sends_datagrams(void **state)
{
	(void)state;
	need("socat");
	servers_run(socat_datagrams);
}

/* --- a graceful shutdown under load -------------------------------------------------------------- */

static struct {
	const unsigned *count;		/* that shows how far the load has got */
	unsigned enough;		/* of it to shut down */
	bool over;			/* the load has ended by itself */
} amid;

static int shut_down_amid(void *arg)
{
	(void)arg;
	while (*amid.count < amid.enough && !amid.over)
		CHECK_EQUAL(rondo_sleep(0.001), 0);
	return rondo_server_shutdown(http.server, 100);
}

/* What wrk counts as errors are its attempts to connect again, some thousands; so its count of whole
 * answers is compared with ours, and ours with the requests that came. */
static int wrk_main(void *arg)
{
	struct rondo_process_result r;
	const char *line;
	char command[200];
	unsigned n_whole = 0;
	rondo_task *task;

	(void)arg;
	CHECK_EQUAL(start_http(NULL), 0);
	snprintf(command, sizeof(command), "wrk -t1 -c50 -d3s --timeout 20s http://127.0.0.1:%d/",
		 rondo_server_port(http.server));
	amid.count = &http.n_requests;
	amid.enough = 200;
	amid.over = false;
	task = rondo_create_task(shut_down_amid, NULL);
	CHECK_EQUAL(shell(command, NULL, &r), 0);
	amid.over = true;
	CHECK_EQUAL(rondo_await(task), 0);
	line = strstr(r.out, " requests in ");
	while (line && line > r.out && line[-1] != '\n')
		line--;
	CHECK(line && sscanf(line, "%u", &n_whole) == 1);
	CHECK(http.n_requests > 100);
	CHECK_EQUAL(http.n_requests, http.n_answers);
	CHECK_EQUAL(n_whole, http.n_answers);
	print_message("%u requests, none lost\n", http.n_requests);
	rondo_process_result_free(&r);
	rondo_server_free(http.server);
	return 0;
}

static void test_wrk_loses_no_request_in_a_shutdown(void **state)
{
	(void)state;
	need("wrk");
	servers_run(wrk_main);
}

/* The same by clients of our own, who also open new connections all the time, until they are refused:
 * who could connect is answered. */
enum { N_CLIENTS = 50, PER_CONNECTION = 7 };

static struct {
	int port;
	unsigned n_asked, n_answered, n_connections;
} load;

/* Returns 1 if the connection goes on, 0 if the server has ended it behind its answer. */
static int ask(rondo_stream *s)
{
	const char *line;
	char body[10];
	bool more = true;
	ssize_t n;
	int ret;

	load.n_asked++;
	ret = rondo_stream_printf(s, "GET / HTTP/1.1\r\n\r\n");
	while (ret == 0 && (n = rondo_stream_read_line(s, &line)) != 2) {
		if (n <= 0)
			ret = n < 0 ? (int)n : -ECONNRESET;
		else if (!memcmp(line, "Connection: close", 17))
			more = false;
	}
	if (ret == 0)
		ret = rondo_stream_read_exactly(s, body, sizeof(body), NULL);
	if (ret == 0)
		load.n_answered++;
	return ret < 0 ? ret : more;
}

static int load_client(void *arg)
{
	int ret;

	(void)arg;
	do {
		rondo_stream *s;

		ret = rondo_open_connection(servers_loopback, (uint16_t)load.port, NULL, &s);
		if (ret < 0)
			return ret == -ECONNREFUSED ? 0 : ret;
		load.n_connections++;
		ret = 1;
		for (int i = 0; i < PER_CONNECTION && ret > 0; i++)
			ret = ask(s);
		(void)rondo_stream_close(s);
	} while (ret >= 0);
	return ret;
}

static int load_main(void *arg)
{
	rondo_task *tasks[N_CLIENTS];

	(void)arg;
	memset(&load, 0, sizeof(load));
	CHECK_EQUAL(start_http(NULL), 0);
	load.port = rondo_server_port(http.server);
	for (int i = 0; i < N_CLIENTS; i++)
		tasks[i] = rondo_create_task(load_client, NULL);
	amid.count = &load.n_connections;
	amid.enough = 10 * N_CLIENTS;
	amid.over = false;
	CHECK_EQUAL(shut_down_amid(NULL), 0);
	CHECK_EQUAL(rondo_gather(N_CLIENTS, tasks, NULL, 0), 0);
	CHECK(load.n_connections > N_CLIENTS * 2);
	CHECK_EQUAL(load.n_asked, load.n_answered);
	print_message("%u requests on %u connections, none lost\n", load.n_asked, load.n_connections);
	rondo_server_free(http.server);
	return 0;
}

static void test_no_request_is_lost_in_a_shutdown(void **state)
{
	(void)state;
	servers_run(load_main);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_curl),
		cmocka_unit_test(test_nc),
		cmocka_unit_test(test_socat),
		cmocka_unit_test(test_we_connect_to_socat),
		cmocka_unit_test(test_socat_sends_datagrams),
		cmocka_unit_test(test_wrk_loses_no_request_in_a_shutdown),
		cmocka_unit_test(test_no_request_is_lost_in_a_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
