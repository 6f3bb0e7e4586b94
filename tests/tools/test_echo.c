/* SPDX-License-Identifier: MIT */
/* test_echo.c - goal: `rondo echo` gives every client its own bytes back, whatever other clients
 * do, and for an ordinary user too. Method: run it on a port the kernel chooses; the clients are
 * plain sockets under one poll(), each of which knows the bytes it must see again. */
#include "command.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { MIB = 1 << 20, PATTERN_SIZE = 3 * MIB, N_CLIENTS = 200, N_MESSAGES = 5 };

static unsigned char pattern[PATTERN_SIZE];	/* what clients send, each another part of it */

/* --- the server ------------------------------------------------------------------------------ */

struct server {
	struct command command;
	unsigned port;
};

/* Start it, and wait until it says its port. */
static void serve(struct server *s, const char *workers, int (*prepare)(void))
{
	struct pollfd ready;
	int end = 0;

	*s = (struct server){ .command = { .arguments = { "echo", "--port", "0", "--workers",
							  workers },
					   .prepare = prepare } };
	command_start(&s->command);
	ready = (struct pollfd){ .fd = s->command.from_out, .events = POLLIN };
	do
		assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
	while (command_read_some(ready.fd, s->command.out, sizeof(s->command.out)) &&
	       !strchr(s->command.out, '\n'));
	if (sscanf(s->command.out, "rondo: echoing on port %u\n%n", &s->port, &end) != 1)
		command_end(&s->command);
	if (s->command.status == CANNOT_RUN) {
		print_message("rondo cannot be run like this here\n");
		skip();
	}
	assert_int_equal(end, strlen(s->command.out));
	assert_true(s->port > 0);
}

/* ^C is how a server ends, and no error. */
static void interrupt(struct server *s)
{
	assert_int_equal(kill(s->command.pid, SIGINT), 0);
	command_end(&s->command);
	assert_succeeds(&s->command);
}

static int open_descriptors(pid_t pid)
{
	char path[64];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}

/* --- clients --------------------------------------------------------------------------------- */

static int connect_to(const struct server *s, int flags)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)s->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
	return fd;
}

struct client {
	int fd;
	const unsigned char *bytes;	/* of the message it is at */
	size_t size, n_sent, n_back;
	int n_messages;			/* that came back */
	uint64_t random;
	bool patient;			/* sends all it can before it reads */
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* 1 byte, some, a page or so, many; and of every eighth client one of a whole mebibyte. */
static void next_message(struct client *c, int number)
{
	static const size_t sizes[N_MESSAGES] = { 1, 512, 8192, 65536, 16384 };
	size_t n = sizes[c->n_messages];

	c->size = n == 1 ? 1 : 1 + next_random(&c->random) % n;
	if (c->n_messages == 3 && number % 8 == 0)
		c->size = MIB;
	c->bytes = pattern + next_random(&c->random) % (PATTERN_SIZE - c->size);
	c->n_sent = c->n_back = 0;
}

static void start_client(struct client *c, const struct server *s, int number)
{
	*c = (struct client){ .fd = connect_to(s, O_NONBLOCK),
			      .random = 0x9e3779b97f4a7c15u * (unsigned)(number + 1) };
	next_message(c, number);
}

static void send_some(struct client *c)
{
	ssize_t n = send(c->fd, c->bytes + c->n_sent, c->size - c->n_sent, MSG_NOSIGNAL);

	assert_true(n > 0 || errno == EAGAIN);
	if (n > 0)
		c->n_sent += (size_t)n;
	else
		c->patient = false;
}

static void receive_some(struct client *c)
{
	static unsigned char back[256 * 1024];
	ssize_t n = recv(c->fd, back, sizeof(back), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	assert_true(n > 0);
	assert_true(c->n_back + (size_t)n <= c->n_sent);
	assert_memory_equal(back, c->bytes + c->n_back, (size_t)n);
	c->n_back += (size_t)n;
}

static short wanted(const struct client *c)
{
	return (short)((c->n_sent < c->size ? POLLOUT : 0) | (c->patient ? 0 : POLLIN));
}

static void step(struct client *c, short events)
{
	if (events & POLLOUT)
		send_some(c);
	if (events & (POLLIN | POLLHUP | POLLERR))
		receive_some(c);
}

/* Until all have had all messages back. */
static void talk(struct client *clients, int n)
{
	static struct pollfd fds[N_CLIENTS];
	int n_done = 0;

	while (n_done < n) {
		for (int i = 0; i < n; i++)
			fds[i] = (struct pollfd){ clients[i].fd, wanted(&clients[i]), 0 };
		assert_true(poll(fds, (nfds_t)n, PATIENCE_MS) > 0);
		for (int i = 0; i < n; i++) {
			struct client *c = &clients[i];

			step(c, fds[i].revents);
			if (c->fd < 0 || c->n_back < c->size)
				continue;
			if (++c->n_messages < N_MESSAGES) {
				next_message(c, i);
				continue;
			}
			close(c->fd);
			c->fd = -1;
			n_done++;
		}
	}
}

static void assert_serves_everybody(const struct server *s)
{
	static struct client clients[N_CLIENTS];

	for (int i = 0; i < N_CLIENTS; i++)
		start_client(&clients[i], s, i);
	talk(clients, N_CLIENTS);
}

/* Receive exactly this, waiting as long as it takes. */
static void assert_receives(int fd, const void *bytes, size_t size)
{
	static unsigned char back[MIB];
	size_t n = 0;

	while (n < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		got = recv(fd, back + n, size - n, 0);
		assert_true(got > 0);
		n += (size_t)got;
	}
	assert_memory_equal(back, bytes, size);
}

static void assert_echoes(const struct server *s)
{
	int fd = connect_to(s, 0);

	assert_int_equal(send(fd, "still there?", 12, MSG_NOSIGNAL), 12);
	assert_receives(fd, "still there?", 12);
	close(fd);
}

/* --- tests ----------------------------------------------------------------------------------- */

/* How many sockets listen on a port: one line of these tables each, whose state is 0A. */
static int count_listeners(unsigned port)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	char line[512];
	int n = 0;

	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(tables[i], "r");
		unsigned local, state;

		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local,
				   &state) == 2)
				n += local == port && state == 0x0a;
		if (f)
			fclose(f);
	}
	return n;
}

/* The kernel deals the clients out among the listeners: one that nobody serves would be noticed. */
static void test_200_clients_of_two_workers_get_their_bytes_back(void **state)
{
	struct server s;

	(void)state;
	serve(&s, "2", NULL);
	assert_int_equal(count_listeners(s.port), 2);
	assert_serves_everybody(&s);
	interrupt(&s);
}

static int as_ordinary_user_with_usual_limits(void)
{
	int ret = child_limit(RLIMIT_NOFILE, 1024);

	if (ret == 0)
		ret = child_limit(RLIMIT_MEMLOCK, 8 * MIB);
	return ret == 0 ? child_be_ordinary() : ret;
}

static void test_an_ordinary_user_serves_200_clients(void **state)
{
	struct server s;

	(void)state;
	serve(&s, "2", as_ordinary_user_with_usual_limits);
	assert_serves_everybody(&s);
	interrupt(&s);
}

static void test_who_has_said_all_still_gets_all_back(void **state)
{
	struct server s;
	int fd;

	(void)state;
	serve(&s, "1", NULL);
	fd = connect_to(&s, 0);
	assert_int_equal(send(fd, pattern, 100000, MSG_NOSIGNAL), 100000);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_receives(fd, pattern, 100000);
	assert_int_equal(recv(fd, &(char){ 0 }, 1, 0), 0);
	close(fd);
	interrupt(&s);
}

/* One that sends without reading is slowed down, and nothing of its is lost. */
static void test_a_slow_reader_loses_nothing_and_holds_nobody_up(void **state)
{
	struct server s;
	struct client slow;

	(void)state;
	serve(&s, "1", NULL);
	slow = (struct client){ .fd = connect_to(&s, O_NONBLOCK), .bytes = pattern,
				.size = PATTERN_SIZE, .patient = true };
	while (slow.patient && slow.n_sent < slow.size)
		send_some(&slow);
	assert_echoes(&s);
	slow.patient = false;
	while (slow.n_back < slow.size) {
		struct pollfd p = { slow.fd, wanted(&slow), 0 };

		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		step(&slow, p.revents);
	}
	close(slow.fd);
	interrupt(&s);
}

static void test_resets_end_one_connection_only(void **state)
{
	static const struct linger at_once = { .l_onoff = 1 };
	struct server s;
	int bystander;

	(void)state;
	serve(&s, "1", NULL);
	bystander = connect_to(&s, 0);
	for (int i = 0; i < 100; i++) {
		int fd = connect_to(&s, O_NONBLOCK);

		/* Without a word, with some, or with more coming back than it will ever read. */
		if (i % 3)
			assert_true(send(fd, pattern, i % 3 == 1 ? 100 : MIB, MSG_NOSIGNAL) > 0);
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)),
				 0);
		close(fd);
	}
	assert_int_equal(send(bystander, "alive", 5, MSG_NOSIGNAL), 5);
	assert_receives(bystander, "alive", 5);
	close(bystander);
	assert_echoes(&s);
	interrupt(&s);
}

enum { FEW_DESCRIPTORS = 32, CROWD = 60 };

static int with_few_descriptors(void)
{
	return child_limit(RLIMIT_NOFILE, FEW_DESCRIPTORS);
}

/* Note who has been served so far; returns how many. */
static int served(const struct pollfd *crowd)
{
	struct pollfd fds[CROWD];
	int n = 0;

	memcpy(fds, crowd, sizeof(fds));
	assert_true(poll(fds, CROWD, PATIENCE_MS) > 0);
	for (int i = 0; i < CROWD; i++)
		n += fds[i].fd >= 0 && (fds[i].revents & POLLIN);
	return n;
}

/* As many as it has descriptors for are served; when they go, the others' turn comes. */
static void test_out_of_descriptors_it_serves_on_when_somebody_goes(void **state)
{
	struct pollfd crowd[CROWD];
	struct server s;
	int n_left = CROWD, n_rounds = 0;

	(void)state;
	serve(&s, "1", with_few_descriptors);
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = (struct pollfd){ .fd = connect_to(&s, 0), .events = POLLIN };
		assert_int_equal(send(crowd[i].fd, "x", 1, MSG_NOSIGNAL), 1);
	}
	while (open_descriptors(s.command.pid) < FEW_DESCRIPTORS)
		assert_true(served(crowd) < CROWD);
	for (; n_left > 0; n_rounds++) {
		struct pollfd now[CROWD];

		memcpy(now, crowd, sizeof(now));
		assert_true(poll(now, CROWD, PATIENCE_MS) > 0);
		for (int i = 0; i < CROWD; i++) {
			if (now[i].fd < 0 || !now[i].revents)
				continue;
			assert_receives(crowd[i].fd, "x", 1);
			close(crowd[i].fd);
			crowd[i].fd = -1;
			n_left--;
		}
	}
	assert_true(n_rounds > 1);
	assert_echoes(&s);
	interrupt(&s);
}

static void test_a_port_in_use_is_one_line_and_exit_1(void **state)
{
	static const char *const workers[] = { "1", "2" };
	struct server s;
	char port[16], about[64];

	(void)state;
	/* Workers share a port with each other, not with another server's. */
	for (int mine = 0; mine < 2; mine++) {
		serve(&s, workers[mine], NULL);
		snprintf(port, sizeof(port), "%u", s.port);
		snprintf(about, sizeof(about), "rondo: port %u: Address already in use\n", s.port);
		for (int other = 0; other < 2; other++) {
			struct command c = { .arguments = { "echo", "--port", port, "--workers",
							    workers[other] } };

			command_run(&c);
			assert_refuses(&c, FAILED, about);
		}
		assert_echoes(&s);
		interrupt(&s);
	}
}

static void test_the_port_is_free_again_when_the_server_has_gone(void **state)
{
	struct server s, again;
	char port[16];
	int fd;

	(void)state;
	serve(&s, "2", NULL);
	fd = connect_to(&s, 0);		/* the server closes first: its side of it lingers */
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	assert_receives(fd, "x", 1);
	interrupt(&s);
	snprintf(port, sizeof(port), "%u", s.port);
	again = (struct server){ .command = { .arguments = { "echo", "--port", port } },
				 .port = s.port };
	command_start(&again.command);
	assert_true(command_read_some(again.command.from_out, again.command.out, 4096));
	assert_echoes(&again);
	interrupt(&again);
	close(fd);
}

static void test_interrupted_amid_clients_it_ends_well(void **state)
{
	static const char *const workers[] = { "1", "2" };

	(void)state;
	for (int w = 0; w < 2; w++) {
		struct client idle[20], busy;
		struct server s;
		ssize_t n;

		serve(&s, workers[w], NULL);
		for (int i = 0; i < 20; i++)
			start_client(&idle[i], &s, i);
		busy = (struct client){ .fd = connect_to(&s, O_NONBLOCK), .bytes = pattern,
					.size = PATTERN_SIZE, .patient = true };
		while (busy.patient && busy.n_sent < busy.size)
			send_some(&busy);
		interrupt(&s);
		for (int i = 0; i < 20; i++) {
			n = recv(idle[i].fd, &(char){ 0 }, 1, 0);
			assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
			close(idle[i].fd);
		}
		close(busy.fd);
	}
}

static int as_ordinary_user(void)
{
	return child_be_ordinary();
}

static void test_a_port_one_may_not_have_is_one_line_and_exit_1(void **state)
{
	struct command c = { .arguments = { "echo", "--port", "1" }, .prepare = as_ordinary_user };
	FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
	int lowest = 1024;

	(void)state;
	if (f && fscanf(f, "%d", &lowest) != 1)
		lowest = 1024;
	if (f)
		fclose(f);
	if (lowest <= 1) {
		print_message("anybody may have port 1 here\n");
		skip();
	}
	command_run(&c);
	assert_refuses(&c, FAILED, "rondo: port 1: Permission denied\n");
}

static int enter(void **state)
{
	uint64_t random = 1;

	for (int i = 0; i < PATTERN_SIZE; i++)
		pattern[i] = (unsigned char)next_random(&random);
	return command_enter(state);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_200_clients_of_two_workers_get_their_bytes_back),
	cmocka_unit_test(test_an_ordinary_user_serves_200_clients),
	cmocka_unit_test(test_who_has_said_all_still_gets_all_back),
	cmocka_unit_test(test_a_slow_reader_loses_nothing_and_holds_nobody_up),
	cmocka_unit_test(test_resets_end_one_connection_only),
	cmocka_unit_test(test_out_of_descriptors_it_serves_on_when_somebody_goes),
	cmocka_unit_test(test_a_port_in_use_is_one_line_and_exit_1),
	cmocka_unit_test(test_the_port_is_free_again_when_the_server_has_gone),
	cmocka_unit_test(test_interrupted_amid_clients_it_ends_well),
	cmocka_unit_test(test_a_port_one_may_not_have_is_one_line_and_exit_1),
};

COMMAND_MAIN(tests, enter)
