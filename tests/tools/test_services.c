/* SPDX-License-Identifier: MIT */
/* test_services.c - goal: the example programs that people expect of such a library do what they
 * say. Method: run each; those that serve take a port of the kernel's choice and tell it, and the
 * test is their client by plain sockets. */
#include "command.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const char *example(const char *name)
{
	static char path[PATH_MAX];
	const char *build = getenv("RONDO_BUILD");

	snprintf(path, sizeof(path), "%s/example_%s", build ? build : ".", name);
	return path;
}

/* --- programs that end by themselves --------------------------------------------------------- */

static void run(struct command *c, const char *name)
{
	c->program = example(name);
	command_run(c);
}

static void make_file(const char *name, size_t size, uint64_t *fnv)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	*fnv = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)(i * 31 + i / 256);

		*fnv = (*fnv ^ byte) * UINT64_C(0x100000001b3);
		assert_int_equal(fputc(byte, f), byte);
	}
	assert_int_equal(fclose(f), 0);
}

static void test_the_hasher_hashes_many_files_in_their_order(void **state)
{
	static const size_t sizes[] = { 0, 1, 16384, 16385, 300000 };
	struct command c = { .arguments = { "0", "1", "2", "3", "4" } };
	char expected[1024];
	int n = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		uint64_t fnv;

		make_file(c.arguments[i], sizes[i], &fnv);
		n += snprintf(expected + n, sizeof(expected) - (size_t)n, "%016" PRIx64 "  %d\n",
			      fnv, i);
	}
	run(&c, "hasher");
	assert_succeeds(&c);
	assert_string_equal(c.out, expected);
}

static void test_the_hasher_says_which_file_it_cannot_read(void **state)
{
	struct command c = { .arguments = { "1", "absent" } };

	(void)state;
	run(&c, "hasher");
	assert_int_equal(c.status, FAILED);
	assert_string_equal(c.err, "hasher: absent: No such file or directory\n");
	assert_string_equal(c.out, "");
}

/* A socket bound to a port of the kernel's choice, listening or not. */
static int take_port(bool listening, unsigned *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(listening ? listen(fd, 5) : 0, 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void test_the_scanner_finds_the_port_that_is_open(void **state)
{
	unsigned open_port, closed_port;
	int is_open = take_port(true, &open_port), is_closed = take_port(false, &closed_port);
	char ports[2][16], line[32];
	struct command c = { .arguments = { "127.0.0.1", ports[0], ports[0] } };

	(void)state;
	snprintf(ports[0], sizeof(ports[0]), "%u", open_port);
	snprintf(line, sizeof(line), "%u\n", open_port);
	run(&c, "scanner");
	assert_succeeds(&c);
	assert_string_equal(c.out, line);
	snprintf(ports[0], sizeof(ports[0]), "%u", closed_port);
	run(&c, "scanner");
	assert_succeeds(&c);
	assert_string_equal(c.out, "");
	close(is_open);
	close(is_closed);
}

static void test_the_workers_share_the_jobs(void **state)
{
	struct command c = { .arguments = { "20" } };
	int n_lines = 0;

	(void)state;
	run(&c, "worker_pool");
	assert_succeeds(&c);
	for (const char *p = c.out; (p = strchr(p, '\n')); p++)
		n_lines++;
	assert_int_equal(n_lines, 21);
	assert_non_null(strstr(c.out, "worker 1 did job 1\n"));
	assert_non_null(strstr(c.out, " did job 20\n"));
	assert_non_null(strstr(c.out, "\n20 jobs done\n"));
}

/* --- programs that serve --------------------------------------------------------------------- */

/* Read from the program until what it said has this word, and a line's end. */
static void await_word(struct command *c, const char *word)
{
	struct pollfd ready = { .fd = c->from_out, .events = POLLIN };
	const char *at;

	while (!(at = strstr(c->out, word)) || !strchr(at, '\n')) {
		assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
		assert_true(command_read_some(c->from_out, c->out, sizeof(c->out)));
	}
}

static unsigned serve(struct command *c, const char *name)
{
	c->program = example(name);
	c->arguments[0] = "0";
	command_start(c);
	await_word(c, "port ");
	return (unsigned)atoi(strstr(c->out, "port ") + 5);
}

static void stop(struct command *c)
{
	assert_int_equal(kill(c->pid, SIGINT), 0);
	command_end(c);
	assert_string_equal(c->err, "");
}

static int client(int type, unsigned port)
{
	const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void assert_hears(int fd, const char *text)
{
	char buf[256] = "";
	size_t n = strlen(text);

	assert_int_equal(recv(fd, buf, n, MSG_WAITALL), n);
	assert_string_equal(buf, text);
}

static void test_the_time_is_told_to_all_who_ask(void **state)
{
	struct command c = { .arguments = { NULL } };
	unsigned port = serve(&c, "udp_time");
	int year, month, day, hour, minute, second, end = 0;
	char answer[64] = "";

	(void)state;
	for (int i = 0; i < 3; i++) {
		int fd = client(SOCK_DGRAM, port);

		say(fd, i ? "time?" : "");
		assert_int_equal(recv(fd, answer, sizeof(answer) - 1, 0), 20);
		assert_int_equal(sscanf(answer, "%d-%d-%dT%d:%d:%dZ%n", &year, &month, &day, &hour,
					&minute, &second, &end), 6);
		assert_int_equal(end, 20);
		assert_true(year >= 2024);
		close(fd);
	}
	stop(&c);
}

/* Who came first is in the room when what the next one says is heard. */
static void test_in_a_chat_the_others_read_what_one_says(void **state)
{
	struct command c = { .arguments = { NULL } };
	unsigned port = serve(&c, "chat");
	int a = client(SOCK_STREAM, port), b, d;

	(void)state;
	b = client(SOCK_STREAM, port);
	say(b, "hello\n");
	assert_hears(a, "hello\n");
	say(a, "hello yourself\n");
	assert_hears(b, "hello yourself\n");
	d = client(SOCK_STREAM, port);
	say(d, "and ");
	say(d, "me\n");
	assert_hears(a, "and me\n");
	assert_hears(b, "and me\n");
	close(b);
	say(d, "bye\n");
	assert_hears(a, "bye\n");
	close(a);
	close(d);
	stop(&c);
}

static void test_the_proxy_passes_lines_on_both_ways_and_shows_them(void **state)
{
	unsigned behind_port;
	int behind = take_port(true, &behind_port), from, to;
	char number[16], c1;
	struct command c = { .arguments = { NULL, "127.0.0.1", number } };
	unsigned port;

	(void)state;
	snprintf(number, sizeof(number), "%u", behind_port);
	port = serve(&c, "proxy");
	from = client(SOCK_STREAM, port);
	say(from, "GET something\nsecond");
	to = accept(behind, NULL, NULL);
	assert_true(to >= 0);
	assert_hears(to, "GET something\n");
	say(from, " line\n");
	assert_hears(to, "second line\n");
	say(to, "answer\n");
	assert_hears(from, "answer\n");
	await_word(&c, "< answer");
	assert_non_null(strstr(c.out, "> GET something\n> second line\n< answer\n"));
	assert_int_equal(shutdown(from, SHUT_WR), 0);
	assert_int_equal(recv(to, &c1, 1, 0), 0);	/* an end is passed on */
	say(to, "last words\n");
	close(to);
	assert_hears(from, "last words\n");
	assert_int_equal(recv(from, &c1, 1, 0), 0);
	close(from);
	close(behind);
	from = client(SOCK_STREAM, port);
	assert_hears(from, "proxy: Connection refused\n");
	close(from);
	stop(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_hasher_hashes_many_files_in_their_order),
		cmocka_unit_test(test_the_hasher_says_which_file_it_cannot_read),
		cmocka_unit_test(test_the_scanner_finds_the_port_that_is_open),
		cmocka_unit_test(test_the_workers_share_the_jobs),
		cmocka_unit_test(test_the_time_is_told_to_all_who_ask),
		cmocka_unit_test(test_in_a_chat_the_others_read_what_one_says),
		cmocka_unit_test(test_the_proxy_passes_lines_on_both_ways_and_shows_them),
	};

	return cmocka_run_group_tests(tests, command_enter, command_leave);
}
