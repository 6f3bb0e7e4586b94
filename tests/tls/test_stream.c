/* SPDX-License-Identifier: MIT */
/* test_stream.c - goal: what goes in on one side comes out on the other, whatever the sizes and
 * whoever else is reading or writing; and an end is either a good one or is told (H2, X12). Method:
 * both ends in one loop, over sockets small enough to fill. */
#include "pair.h"

#include <fcntl.h>
#include <openssl/ssl.h>

#include "tls/tls.h"

enum { LONG_WAY = 10 << 20 };

static struct pair open_pair(void)
{
	return (struct pair){ .server_tls = server_context("good"), .client_tls = client_context() };
}

/* Bytes that one can know from their place, and sizes by chance. */
static unsigned char byte_at(size_t i)
{
	return (unsigned char)((i * 2654435761u) >> 13);
}

static size_t next_size(uint64_t *state)
{
	static const size_t sizes[] = { 1, 100, 5000, 16384, 16385, 100000 };

	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return 1 + (*state >> 8) % sizes[*state % 6];
}

/* --- both ways at once --------------------------------------------------------------------- */

static char outgoing[100000], incoming[100000], echoed[65536];

static int writer(void *arg)
{
	struct pair *p = arg;
	uint64_t seed = 88172645463325252u;
	size_t at = 0, n;

	while (at < LONG_WAY) {
		n = next_size(&seed);
		if (n > LONG_WAY - at)
			n = LONG_WAY - at;
		for (size_t i = 0; i < n; i++)
			outgoing[i] = (char)byte_at(at + i);
		CHECK_EQUAL(rondo_stream_write(p->client, outgoing, n), 0);
		at += n;
	}
	return rondo_stream_shutdown_write(p->client);
}

static int reader(void *arg)
{
	struct pair *p = arg;
	uint64_t seed = 362436069u;
	size_t at = 0;
	ssize_t n;

	while ((n = rondo_stream_read(p->client, incoming, next_size(&seed))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			CHECK_EQUAL((unsigned char)incoming[i], byte_at(at + (size_t)i));
		at += (size_t)n;
	}
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(at, LONG_WAY);
	return 0;
}

static int echo(void *arg)
{
	struct pair *p = arg;
	ssize_t n;

	while ((n = rondo_stream_read(p->server, echoed, sizeof(echoed))) > 0)
		CHECK_EQUAL(rondo_stream_write(p->server, echoed, (size_t)n), 0);
	CHECK_EQUAL(n, 0);
	return rondo_stream_close(p->server);
}

static int echo_main(void *arg)
{
	struct pair *p = arg;

	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(RONDO_GATHER(rondo_create_task(writer, p), rondo_create_task(reader, p),
				 rondo_create_task(echo, p)), 0);
	return rondo_stream_close(p->client);
}

static void test_ten_megabytes_go_both_ways_at_once(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(echo_main, &p);
	p = open_pair();
	SSL_CTX_set_max_proto_version(rondo_tls_context_native(p.client_tls), TLS1_2_VERSION);
	run_pair(echo_main, &p);
}

static int write_long(void *arg)
{
	static char megabyte[1 << 20];
	struct pair *p = arg;

	CHECK_EQUAL(rondo_stream_write(p->client, megabyte, sizeof(megabyte)), 0);
	return rondo_stream_shutdown_write(p->client);
}

static int read_away(void *arg)
{
	struct pair *p = arg;
	ssize_t n;

	while ((n = rondo_stream_read(p->server, incoming, sizeof(incoming))) > 0)
		continue;
	return (int)n;
}

static int memory_main(void *arg)
{
	struct pair *p = arg;
	const struct tls *t;

	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(RONDO_GATHER(rondo_create_task(write_long, p), rondo_create_task(read_away, p)), 0);
	t = rondo_stream_self(p->client, &rondo__tls_class);
	CHECK(t->out.size <= TLS_KEEP_BYTES && t->wire.size <= TLS_KEEP_BYTES);
	return pair_close(p);
}

/* A thousand connections that once sent much would have 256 MB otherwise. */
static void test_a_long_write_leaves_no_long_buffers(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(memory_main, &p);
}

static int pieces_main(void *arg)
{
	static char long_piece[40000], get[] = "GET", path[] = " / ", end[] = "\r\n";
	struct pair *p = arg;
	struct iovec iov[] = { { get, 3 }, { NULL, 0 }, { path, 3 }, { long_piece, 40000 },
			       { end, 1 }, { end + 1, 1 } };
	char *all = incoming;
	size_t n;

	if (pair_open(p) < 0)
		return -1;
	memset(long_piece, 'x', sizeof(long_piece));
	CHECK_EQUAL(rondo_stream_writev(p->client, iov, 6), 0);
	CHECK_EQUAL(rondo_stream_read_exactly(p->server, all, 40008, &n), 0);
	CHECK(memcmp(all, "GET / xxx", 9) == 0);
	CHECK(memcmp(all + 6 + 40000, "\r\n", 2) == 0);
	return pair_close(p);
}

static void test_pieces_arrive_as_one_message(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(pieces_main, &p);
}

static int file_reader(void *arg)
{
	struct pair *p = arg;

	return rondo_stream_read_exactly(p->server, incoming, sizeof(incoming), NULL);
}

static int file_main(void *arg)
{
	struct pair *p = arg;
	rondo_task *reading;
	int64_t n_sent;
	int fd;

	fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	for (size_t i = 0; i < sizeof(outgoing); i++)
		outgoing[i] = (char)byte_at(i);
	CHECK_EQUAL(write(fd, outgoing, sizeof(outgoing)), sizeof(outgoing));
	p->plain.exclusive = true;
	if (pair_open(p) < 0)
		return -1;
	reading = rondo_create_task(file_reader, p);
	CHECK_EQUAL(rondo_stream_sendfile(p->client, fd, 0, -1, &n_sent), 0);
	CHECK_EQUAL(n_sent, sizeof(outgoing));
	CHECK_EQUAL(rondo_await(reading), 0);
	CHECK_EQUAL(memcmp(incoming, outgoing, sizeof(outgoing)), 0);
	close(fd);
	return pair_close(p);
}

/* U3: it goes through TLS, not past it to the socket. */
static void test_a_file_is_sent_encrypted(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(file_main, &p);
}

/* --- ends ---------------------------------------------------------------------------------- */

static int half_main(void *arg)
{
	struct pair *p = arg;
	char buf[8];

	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_stream_write(p->client, "ask", 3), 0);
	CHECK_EQUAL(rondo_stream_shutdown_write(p->client), 0);
	CHECK_EQUAL(rondo_stream_shutdown_write(p->client), 0);
	CHECK_EQUAL(rondo_stream_write(p->client, "x", 1), -EPIPE);
	CHECK_EQUAL(rondo_stream_read(p->server, buf, sizeof(buf)), 3);
	CHECK_EQUAL(rondo_stream_read(p->server, buf, sizeof(buf)), 0);
	CHECK_EQUAL(rondo_stream_write(p->server, "answer", 6), 0);
	CHECK_EQUAL(rondo_stream_read(p->client, buf, sizeof(buf)), 6);
	return pair_close(p);
}

/* X12: in asyncio TLS has no write_eof(). */
static void test_half_a_stream_can_be_closed(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(half_main, &p);
}

static int end_main(void *arg)
{
	struct pair *p = arg;
	rondo_task *closing;
	char c;

	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_stream_write(p->server, "z", 1), 0);
	closing = rondo_create_task(pair_close_server, p);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), 1);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), 0);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), 0);
	CHECK(rondo_stream_at_eof(p->client));
	CHECK(strcmp(rondo_tls_error(p->client), "") == 0);
	CHECK_EQUAL(rondo_stream_close(p->client), 0);
	return rondo_await(closing);
}

/* H2 */
static void test_a_good_end_is_read_as_the_end(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(end_main, &p);
}

static int cut_main(void *arg)
{
	struct pair *p = arg;
	char c;

	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_stream_write(p->server, "z", 1), 0);
	rondo_stream_abort(p->server);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), 1);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), -ECONNRESET);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), -ECONNRESET);
	CHECK(strcmp(rondo_tls_error(p->client),
		     "the connection ended without close_notify") == 0);
	rondo_stream_close(p->client);
	return 0;
}

/* H2: whoever cuts the connection cannot make it look complete. */
static void test_an_end_without_close_notify_is_an_error(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(cut_main, &p);
}

/* Bytes that are no record. */
static int garbage_main(void *arg)
{
	struct pair *p = arg;
	char c;

	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(send(rondo_stream_fd(p->server), "\x17\x03\x03\x00\x20garbage and more garbage in it..",
			 37, 0), 37);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), -EPROTO);
	CHECK(strcmp(rondo_tls_error(p->client), "decryption failed or bad record mac") == 0);
	CHECK_EQUAL(rondo_stream_write(p->client, "x", 1), -EPROTO);
	CHECK_EQUAL(rondo_stream_read(p->server, &c, 1), -EPROTO);
	CHECK(strcmp(rondo_tls_error(p->server),
		     "refused by the peer: sslv3 alert bad record mac") == 0);
	rondo_stream_close(p->client);
	rondo_stream_close(p->server);
	return 0;
}

static void test_a_forged_record_is_refused_and_the_peer_is_told(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(garbage_main, &p);
}

/* --- a read that must write ---------------------------------------------------------------- */

static int n_key_updates;

static void count_key_updates(int is_sent, int version, int type, const void *buf, size_t len,
			      SSL *ssl, void *arg)
{
	(void)version, (void)ssl, (void)arg;
	n_key_updates += !is_sent && type == SSL3_RT_HANDSHAKE && len > 0 &&
			 *(const unsigned char *)buf == SSL3_MT_KEY_UPDATE;
}

static int ask_for_keys(struct pair *p)
{
	CHECK_EQUAL(SSL_key_update(rondo_tls_native(p->client), SSL_KEY_UPDATE_REQUESTED), 1);
	CHECK_EQUAL(rondo_stream_write(p->client, "k", 1), 0);
	return 0;
}

static int read_till_end(void *arg)
{
	char buf[16];
	ssize_t n;

	do {
		n = rondo_stream_read(arg, buf, sizeof(buf));
	} while (n > 0);
	return (int)n;
}

static int quiet_main(void *arg)
{
	struct pair *p = arg;
	rondo_task *client, *server;

	if (pair_open(p) < 0)
		return -1;
	SSL_set_msg_callback(rondo_tls_native(p->client), count_key_updates);
	client = rondo_create_task(read_till_end, p->client);
	server = rondo_create_task(read_till_end, p->server);
	for (n_key_updates = 0; n_key_updates < 3; ) {
		int before = n_key_updates;

		if (ask_for_keys(p) < 0)
			return -1;
		while (n_key_updates == before)
			CHECK_EQUAL(rondo_sleep(0.0001), 0);
	}
	CHECK_EQUAL(rondo_stream_shutdown_write(p->client), 0);
	CHECK_EQUAL(rondo_await(server), 0);
	CHECK_EQUAL(rondo_stream_shutdown_write(p->server), 0);
	CHECK_EQUAL(rondo_await(client), 0);
	return pair_close(p);
}

/* The server never writes, and its answers come nevertheless. */
static void test_new_keys_come_from_who_only_reads(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(quiet_main, &p);
}

static int busy_writer(void *arg)
{
	struct pair *p = arg;

	memset(outgoing, 'w', sizeof(outgoing));
	for (int i = 0; i < 100; i++)
		CHECK_EQUAL(rondo_stream_write(p->server, outgoing, 20000), 0);
	return rondo_stream_shutdown_write(p->server);
}

static int busy_reader(void *arg)
{
	struct pair *p = arg;
	ssize_t n;

	while ((n = rondo_stream_read(p->client, incoming, 1000)) > 0)
		for (ssize_t i = 0; i < n; i++)
			CHECK_EQUAL(incoming[i], 'w');
	return (int)n;
}

static int busy_main(void *arg)
{
	struct pair *p = arg;
	rondo_task *writing, *reading;
	char c;

	if (pair_open(p) < 0)
		return -1;
	SSL_set_msg_callback(rondo_tls_native(p->client), count_key_updates);
	n_key_updates = 0;
	writing = rondo_create_task(busy_writer, p);
	reading = rondo_create_task(busy_reader, p);
	for (int i = 0; i < 50; i++) {
		if (ask_for_keys(p) < 0)
			return -1;
		CHECK_EQUAL(rondo_stream_read(p->server, &c, 1), 1);
	}
	CHECK_EQUAL(rondo_await(writing), 0);
	CHECK_EQUAL(rondo_await(reading), 0);
	CHECK(n_key_updates > 0);
	return pair_close(p);
}

/* Answers to key updates go in between the records of a writer, in order. */
static void test_keys_change_under_a_writer(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(busy_main, &p);
}

static int stuffed_writer(void *arg)
{
	struct pair *p = arg;
	int ret;

	memset(outgoing, 's', sizeof(outgoing));
	do {
		ret = rondo_stream_write(p->server, outgoing, sizeof(outgoing));
	} while (ret == 0);
	return ret;
}

static int stuffed_main(void *arg)
{
	struct pair *p = arg;
	rondo_task *stuck;
	char c;

	if (pair_open(p) < 0)
		return -1;
	stuck = rondo_create_task(stuffed_writer, p);
	for (int i = 0; i < 10; i++) {
		if (ask_for_keys(p) < 0)
			return -1;
		CHECK_EQUAL(rondo_stream_read(p->server, &c, 1), 1);
	}
	CHECK_EQUAL(rondo_task_state(stuck), RONDO_PENDING);
	rondo_stream_abort(p->server);
	CHECK_EQUAL(rondo_await(stuck), -EBADF);
	rondo_stream_abort(p->client);
	return 0;
}

/* The peer takes nothing, and a write is stuck; reads that new keys come with go on all the same. */
static void test_reading_does_not_wait_for_writing(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(stuffed_main, &p);
}

static int says_goodbye(void *arg)
{
	return rondo_stream_shutdown_write(((struct pair *)arg)->client);
}

enum { ROOM = 4096, RECORD_OVERHEAD = 22 };

static int stuck_goodbye_main(void *arg)
{
	struct pair *p = arg;
	rondo_stream *plain[2];
	rondo_task *stuck;

	CHECK_EQUAL(rondo_stream_memory_pair(ROOM, NULL, plain), 0);
	p->client = plain[0];
	p->server = plain[1];
	CHECK_EQUAL(pair_shake_hands(p), 0);
	CHECK_EQUAL(p->client_ret, 0);
	/* There is room for this, and not for one byte more. */
	CHECK_EQUAL(rondo_stream_write(p->client, outgoing, ROOM - RECORD_OVERHEAD), 0);
	stuck = rondo_create_task(says_goodbye, p);
	for (int i = 0; i < 10; i++)
		CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_state(stuck), RONDO_PENDING);
	rondo_stream_abort(p->client);
	CHECK_EQUAL(rondo_await(stuck), -EBADF);
	rondo_stream_abort(p->server);
	return 0;
}

/* An abort does not wait for the peer, whatever another task wants it to take. */
static void test_an_abort_does_not_wait_for_a_goodbye(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(stuck_goodbye_main, &p);
}

/* --- a peer that asks and does not listen ---------------------------------------------------- */

enum { N_ASKED = 2000 };

static int n_asked, n_heard;

static int ask_on(void *arg)
{
	struct pair *p = arg;
	int ret = 0;

	while (ret == 0 && n_asked++ < N_ASKED) {
		CHECK_EQUAL(SSL_key_update(rondo_tls_native(p->client), SSL_KEY_UPDATE_REQUESTED), 1);
		ret = rondo_stream_write(p->client, "k", 1);
	}
	return ret;
}

static int hear(void *arg)
{
	struct pair *p = arg;
	char c;
	int ret;

	do {
		ret = (int)rondo_stream_read(p->server, &c, 1);
		n_heard += ret == 1;
	} while (ret == 1);
	return ret;
}

static int flood_main(void *arg)
{
	struct pair *p = arg;
	rondo_stream *plain[2];
	rondo_task *asking, *hearing;
	int before;

	CHECK_EQUAL(rondo_stream_memory_pair(ROOM, NULL, plain), 0);
	p->client = plain[0];
	p->server = plain[1];
	CHECK_EQUAL(pair_shake_hands(p), 0);
	n_asked = n_heard = 0;
	asking = rondo_create_task(ask_on, p);
	hearing = rondo_create_task(hear, p);
	do {
		before = n_asked + n_heard;
		for (int i = 0; i < 10; i++)
			CHECK_EQUAL(rondo_yield(), 0);
	} while (before != n_asked + n_heard);
	CHECK(n_heard > 100 && n_heard < N_ASKED / 2);
	CHECK(rondo_cancel(hearing));
	CHECK_EQUAL(rondo_await(hearing), -ECANCELED);
	rondo_stream_abort(p->server);
	CHECK(rondo_await(asking) < 0);
	rondo_stream_abort(p->client);
	return 0;
}

/* What we owe it does not grow without bound: the reader waits, and a cancel ends that. */
static void test_a_peer_that_takes_no_answers_gets_no_more_read(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(flood_main, &p);
}

static int renegotiation_main(void *arg)
{
	struct pair *p = arg;

	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(SSL_renegotiate(rondo_tls_native(p->client)), 0);
	return pair_close(p);
}

static void test_there_is_no_renegotiation(void **state)
{
	struct pair p = open_pair();

	(void)state;
	SSL_CTX_set_max_proto_version(rondo_tls_context_native(p.client_tls), TLS1_2_VERSION);
	run_pair(renegotiation_main, &p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_ten_megabytes_go_both_ways_at_once),
	cmocka_unit_test(test_a_long_write_leaves_no_long_buffers),
	cmocka_unit_test(test_pieces_arrive_as_one_message),
	cmocka_unit_test(test_a_file_is_sent_encrypted),
	cmocka_unit_test(test_half_a_stream_can_be_closed),
	cmocka_unit_test(test_a_good_end_is_read_as_the_end),
	cmocka_unit_test(test_an_end_without_close_notify_is_an_error),
	cmocka_unit_test(test_a_forged_record_is_refused_and_the_peer_is_told),
	cmocka_unit_test(test_new_keys_come_from_who_only_reads),
	cmocka_unit_test(test_keys_change_under_a_writer),
	cmocka_unit_test(test_an_abort_does_not_wait_for_a_goodbye),
	cmocka_unit_test(test_reading_does_not_wait_for_writing),
	cmocka_unit_test(test_a_peer_that_takes_no_answers_gets_no_more_read),
	cmocka_unit_test(test_there_is_no_renegotiation),
};

TLS_MAIN(tests)
