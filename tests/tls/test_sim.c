/* SPDX-License-Identifier: MIT */
/* test_sim.c - goal: TLS holds what it promises on a network that loses connections, delivers late and
 * in pieces, and refuses memory and time: bytes arrive as they were sent or not at all, a good end is
 * never made up, and nothing is left behind. Method: two hosts of the simulated kernel, an echo, many
 * seeds; and a second conversation, which resumes the session of the first. The certificate's
 * signatures have one length, so that a seed gives one history although OpenSSL draws its own random
 * numbers; and what the client keeps of sessions is fresh in each run. */
#include "pair.h"

#include <netinet/in.h>

#include "rondo_sim.h"

enum { N_BYTES = 60000, PORT = 443, N_TALKS = 2 };

static rondo_tls_context *server_tls, *client_tls;
static unsigned n_good, n_bad;

static int echo_all(rondo_stream *s)
{
	const void *data;
	ssize_t n;
	int ret = 0;

	while (ret == 0 && (n = rondo_stream_lend(s, &data)) != 0)
		ret = n < 0 ? (int)n : rondo_stream_write(s, data, (size_t)n);
	return ret;
}

static int accept_one(void *arg)
{
	int listener = *(int *)arg;
	rondo_stream *s;
	int ret = rondo_accept(listener, NULL, NULL);
	int fd = ret;

	if (ret < 0)
		return ret;
	ret = rondo_stream_from_fd(fd, NULL, &s);
	if (ret < 0)
		return rondo_close(fd), ret;
	ret = rondo_start_tls(&s, server_tls, NULL);
	if (ret == 0)
		ret = echo_all(s);
	if (ret == 0)
		return rondo_stream_close(s);
	rondo_stream_abort(s);
	return ret;
}

static int serve(void *arg)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = rondo_socket(AF_INET, SOCK_STREAM, 0), ret = fd;

	(void)arg;
	if (fd < 0)
		return ret;
	ret = rondo_bind(fd, (struct sockaddr *)&any, sizeof(any));
	if (ret == 0)
		ret = rondo_listen(fd, 5);
	for (int i = 0; i < N_TALKS && ret == 0; i++)
		ret = rondo_wait_for(accept_one, &fd, 300);
	rondo_close(fd);
	return ret;
}

static unsigned char byte_at(size_t i)
{
	return (unsigned char)((i * 2654435761u) >> 13);
}

struct client {
	rondo_stream *s;
	int sent;			/* how that went */
};

static int send_all(void *arg)
{
	struct client *c = arg;
	unsigned char buf[9000];
	size_t at = 0, n;

	c->sent = 0;
	while (at < N_BYTES && c->sent == 0) {
		n = 1 + rondo_sim_random() % sizeof(buf);
		if (n > N_BYTES - at)
			n = N_BYTES - at;
		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(at + i);
		c->sent = rondo_stream_write(c->s, buf, n);
		at += n;
	}
	if (c->sent == 0)
		c->sent = rondo_stream_shutdown_write(c->s);
	return 0;
}

/* What comes must be what was sent; the end may come only when all has. */
static int check_all(struct client *c)
{
	unsigned char buf[5000];
	size_t at = 0;
	ssize_t n;

	while ((n = rondo_stream_read(c->s, buf, 1 + rondo_sim_random() % sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != byte_at(at + (size_t)i))
				return rondo_sim_fail("byte %zu is wrong", at + (size_t)i);
		at += (size_t)n;
	}
	if (n == 0 && at != N_BYTES)
		return rondo_sim_fail("a good end after %zu bytes", at);
	return (int)n;
}

static int talk(struct client *c)
{
	rondo_task *sending = rondo_create_task_with(&(struct rondo_task_options){
		.stack_size = 128 << 10 }, send_all, c);
	int ret = check_all(c);

	if (ret < 0)
		rondo_cancel(sending);
	rondo_await(sending);
	if (ret < 0 || c->sent < 0) {
		rondo_stream_abort(c->s);
		return ret < 0 ? ret : c->sent;
	}
	ret = rondo_stream_close(c->s);
	return ret;
}

static int call_once(struct client *c, bool again)
{
	const struct rondo_tls_options o = { .server_hostname = "localhost" };
	int ret;

	do {
		ret = rondo_open_connection("10.0.0.2", PORT, NULL, &c->s);
	} while (ret == -ECONNREFUSED && (ret = rondo_sleep(0.01)) == 0);
	if (ret < 0)
		return ret;
	ret = rondo_start_tls(&c->s, client_tls, &o);
	if (ret == 0 && rondo_tls_resumed(c->s) != again)
		return rondo_sim_fail(again ? "not resumed" : "resumed what never was");
	if (ret == 0)
		return talk(c);
	rondo_stream_abort(c->s);
	return ret;
}

static int call(void *arg)
{
	int ret = call_once(arg, false);

	for (int i = 1; i < N_TALKS && ret == 0; i++)
		ret = call_once(arg, true);
	return ret;
}

static int sim_main(void *arg)
{
	struct client c = { .s = NULL };
	int ret, served, host = rondo_sim_start_host("server", serve, NULL);

	(void)arg;
	if (host < 0)
		return host;
	ret = rondo_wait_for(call, &c, 600);
	while (!rondo_sim_host_result(host, &served))
		if (rondo_sleep(1) < 0)
			return -ECANCELED;
	if (ret == -EKEYREJECTED || served == -EKEYREJECTED)
		return rondo_sim_fail("a good certificate was refused");
	*(ret == 0 && served == 0 ? &n_good : &n_bad) += 1;
	return 0;
}

static int make_all(void **state)
{
	if (make_certificates(state) < 0)
		return -1;
	server_tls = server_context("fixed");
	return 0;
}

static int free_all(void **state)
{
	rondo_tls_context_free(server_tls);
	return leave_folder(state);
}

static int run_seed(const struct rondo_sim_options *o)
{
	int ret;

	client_tls = client_context();
	ret = rondo_sim_run(o, sim_main, NULL);
	rondo_tls_context_free(client_tls);
	return ret;
}

static void run_seeds(unsigned n_seeds, bool no_faults)
{
	n_good = n_bad = 0;
	for (uint64_t seed = 1; seed <= n_seeds; seed++) {
		struct rondo_sim_options o = { .seed = seed, .no_faults = no_faults,
					       .on_failure = rondo_sim_print_failure };

		assert_int_equal(run_seed(&o), 0);
	}
	print_message("%u conversations went well, %u were cut\n", n_good, n_bad);
}

static void test_in_any_order_all_arrives(void **state)
{
	(void)state;
	run_seeds(60, true);
	assert_int_equal(n_bad, 0);
}

static void test_with_faults_nothing_is_made_up(void **state)
{
	(void)state;
	run_seeds(300, false);
	assert_true(n_good > 0);
	assert_true(n_bad > 0);
}

/* P17 */
static void test_a_seed_is_one_history(void **state)
{
	struct rondo_sim_stats first, second;
	struct rondo_sim_options o = { .on_failure = rondo_sim_print_failure };

	(void)state;
	for (o.seed = 1; o.seed <= 5; o.seed++) {
		o.stats = &first;
		assert_int_equal(run_seed(&o), 0);
		o.stats = &second;
		assert_int_equal(run_seed(&o), 0);
		assert_true(first.hash == second.hash);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_in_any_order_all_arrives),
	cmocka_unit_test(test_with_faults_nothing_is_made_up),
	cmocka_unit_test(test_a_seed_is_one_history),
};

int main(void)
{
	if (!have_program("openssl version >/dev/null 2>&1")) {
		print_message("there is no openssl command to make certificates with\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, make_all, free_all);
}
