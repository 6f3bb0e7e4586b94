/* SPDX-License-Identifier: MIT */
/* test_message.c - datagrams, addresses and descriptors in messages: the part of transfer.c that is
 * about more than bytes. Goal: what recvmsg(2) says is what rondo_recvmsg() says, and no descriptor
 * that was passed is lost. Method: UDP on loopback, AF_UNIX sockets with kernel-chosen names. */
#include "net.h"

#include <sys/un.h>

#include "rondo/file.h"
#include "rondo/socket.h"

/* --- UDP -------------------------------------------------------------------------------------- */

static struct {
	union net_address address, sender_address;
	int fd, sender;
} udp;

static int udp_prepare(void *ctx)
{
	(void)ctx;
	udp.fd = net_bound(SOCK_DGRAM, &udp.address);
	udp.sender = net_bound(SOCK_DGRAM, &udp.sender_address);
	return udp.fd < 0 || udp.sender < 0 ? -1 : 0;
}

static void udp_clean(void *ctx)
{
	(void)ctx;
	close(udp.fd);
	close(udp.sender);
}

/* Checks the sender's address too. */
static int udp_start(void *ctx)
{
	union net_address from;
	socklen_t size = sizeof(from);
	char bytes[16];
	ssize_t n = rondo_recvfrom(udp.fd, bytes, sizeof(bytes), 0, &from.any, &size);

	(void)ctx;
	if (n < 0)
		return (int)n;
	if (size != sizeof(from.v4) || from.v4.sin_port != udp.sender_address.v4.sin_port)
		return -EILSEQ;
	return (int)n;
}

static int udp_finish(void *ctx)
{
	(void)ctx;
	return sendto(udp.sender, "datagram", 8, 0, &udp.address.any, sizeof(udp.address.v4)) == 8 ?
	       0 : -errno;
}

/* Who does not want to know is not told. */
static int udp_from_nobody(void *arg)
{
	union net_address from;
	char bytes[16];

	CHECK_EQUAL(udp_prepare(arg), 0);
	memset(&from, 'x', sizeof(from));
	for (int i = 0; i < 2; i++) {
		CHECK_EQUAL(udp_finish(arg), 0);
		CHECK_EQUAL(rondo_recvfrom(udp.fd, bytes, sizeof(bytes), 0,
					   i ? &from.any : NULL, NULL), 8);
	}
	CHECK_EQUAL(((char *)&from)[0], 'x');
	udp_clean(arg);
	return 0;
}

static void test_recvfrom_need_not_tell_who_sent(void **state)
{
	(void)state;
	net_run(udp_from_nobody, NULL);
}

static void test_recvfrom_tells_who_sent(void **state)
{
	const struct matrix_verb v = {
		.start = udp_start, .finish = udp_finish, .prepare = udp_prepare,
		.clean = udp_clean, .result = 8,
	};

	(void)state;
	matrix_check("recvfrom", &v);
}

static int datagrams(void *arg)
{
	static char big[70000];
	const struct sockaddr *to = &udp.address.any;
	socklen_t size = sizeof(udp.address.v4);
	char bytes[4];

	(void)arg;
	CHECK_EQUAL(rondo_sendto(udp.sender, "", 0, 0, to, size), 0);
	CHECK_EQUAL(rondo_sendto(udp.sender, "12345678", 8, 0, to, size), 8);
	CHECK_EQUAL(rondo_sendto(udp.sender, "12345678", 8, 0, to, size), 8);
	CHECK_EQUAL(rondo_sendto(udp.sender, "end", 3, 0, to, size), 3);
	CHECK_EQUAL(rondo_recv(udp.fd, bytes, sizeof(bytes), 0), 0);
	CHECK_EQUAL(rondo_recv(udp.fd, bytes, sizeof(bytes), 0), 4);	/* the rest is dropped */
	CHECK_EQUAL(rondo_recv(udp.fd, bytes, sizeof(bytes), MSG_TRUNC), 8);
	CHECK_EQUAL(rondo_recv(udp.fd, bytes, sizeof(bytes), 0), 3);
	CHECK_EQUAL(rondo_sendto(udp.sender, big, sizeof(big), 0, to, size), -EMSGSIZE);
	CHECK_EQUAL(rondo_sendto(udp.sender, "x", 1, 0, NULL, 0), -EDESTADDRREQ);
	return 0;
}

static void test_datagrams_stay_whole(void **state)
{
	(void)state;
	assert_int_equal(udp_prepare(NULL), 0);
	net_run(datagrams, NULL);
	udp_clean(NULL);
}

static int send_to_a_closed_port(void *arg)
{
	union net_address nobody;
	int closed = net_bound(SOCK_DGRAM, &nobody);

	(void)arg;
	CHECK_EQUAL(rondo_close(closed), 0);
	CHECK_EQUAL(rondo_connect(udp.sender, &nobody.any, sizeof(nobody.v4)), 0);
	CHECK_EQUAL(rondo_send(udp.sender, "x", 1, 0), 1);
	CHECK_EQUAL(rondo_recv(udp.sender, (char[1]){ 0 }, 1, 0), -ECONNREFUSED);
	return 0;
}

static void test_a_refused_datagram_is_told_to_the_next_call(void **state)
{
	(void)state;
	assert_int_equal(udp_prepare(NULL), 0);
	net_run(send_to_a_closed_port, NULL);
	udp_clean(NULL);
}

/* --- AF_UNIX datagrams to a name: nothing tells when its queue has room ----------------------- */

static struct {
	struct sockaddr_un address;
	socklen_t size;
	int fd, sender;
} named;

static int named_prepare(void *ctx)
{
	struct sockaddr *a = (struct sockaddr *)&named.address;

	(void)ctx;
	named.address.sun_family = AF_UNIX;
	named.size = sizeof(named.address);
	named.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	named.sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(named.fd, a, sizeof(sa_family_t)) < 0 || getsockname(named.fd, a, &named.size) < 0)
		return -errno;
	while (sendto(named.sender, "full", 4, MSG_DONTWAIT, a, named.size) == 4)
		;
	return errno == EAGAIN ? 0 : -errno;
}

static void named_clean(void *ctx)
{
	(void)ctx;
	close(named.fd);
	close(named.sender);
}

static int named_start(void *ctx)
{
	(void)ctx;
	return (int)rondo_sendto(named.sender, "more", 4, 0, (struct sockaddr *)&named.address,
				 named.size);
}

static int named_finish(void *ctx)
{
	char bytes[4];

	(void)ctx;
	return recv(named.fd, bytes, sizeof(bytes), MSG_DONTWAIT) == 4 ? 0 : -errno;
}

static void test_a_datagram_to_a_name_waits_for_room(void **state)
{
	const struct matrix_verb v = {
		.start = named_start, .finish = named_finish, .prepare = named_prepare,
		.clean = named_clean, .result = 4,
	};

	(void)state;
	matrix_check("sendto a full name", &v);
}

static int named_without_waiting(void *arg)
{
	struct sockaddr *a = (struct sockaddr *)&named.address;

	(void)arg;
	CHECK_EQUAL(rondo_sendto(named.sender, "more", 4, MSG_DONTWAIT, a, named.size), -EAGAIN);
	return 0;
}

static void test_a_datagram_that_shall_not_wait_does_not(void **state)
{
	(void)state;
	assert_int_equal(named_prepare(NULL), 0);
	net_run(named_without_waiting, NULL);
	named_clean(NULL);
}

/* --- descriptors in messages ------------------------------------------------------------------ */

struct parcel {
	struct msghdr msg;
	struct iovec part;
	char byte;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
};

static struct msghdr *parcel_init(struct parcel *c)
{
	memset(c, 0, sizeof(*c));
	c->part = (struct iovec){ &c->byte, 1 };
	c->msg = (struct msghdr){ .msg_iov = &c->part, .msg_iovlen = 1, .msg_control = c->control,
				  .msg_controllen = sizeof(c->control) };
	return &c->msg;
}

static struct msghdr *parcel_pack(struct parcel *c, const int fds[2])
{
	struct cmsghdr *h;

	h = CMSG_FIRSTHDR(parcel_init(c));
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(h), fds, 2 * sizeof(int));
	return &c->msg;
}

static bool parcel_unpack(struct parcel *c, int fds[2])
{
	const struct cmsghdr *h = CMSG_FIRSTHDR(&c->msg);

	if (!h || h->cmsg_type != SCM_RIGHTS || h->cmsg_len != CMSG_LEN(2 * sizeof(int)))
		return false;
	memcpy(fds, CMSG_DATA(h), 2 * sizeof(int));
	return true;
}

static int pass_a_pipe(void *arg)
{
	struct parcel sent, got;
	int pipe_fds[2], sockets[2], received[2];
	char byte;

	(void)arg;
	CHECK_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	CHECK_EQUAL(net_unix_pair(sockets), 0);
	CHECK_EQUAL(rondo_sendmsg(sockets[0], parcel_pack(&sent, pipe_fds), 0), 1);
	CHECK_EQUAL(rondo_recvmsg(sockets[1], parcel_init(&got), 0), 1);
	CHECK(parcel_unpack(&got, received));
	CHECK(net_is_cloexec(received[0]) && net_is_cloexec(received[1]));
	CHECK_EQUAL(rondo_write(pipe_fds[1], "x", 1), 1);
	CHECK_EQUAL(rondo_read(received[0], &byte, 1), 1);
	net_close_pair(pipe_fds);
	net_close_pair(sockets);
	net_close_pair(received);
	return 0;
}

static void test_descriptors_can_be_passed(void **state)
{
	(void)state;
	net_run(pass_a_pipe, NULL);
}

/* A message without room for its descriptors leaves none behind. */
static int pass_into_too_little_room(void *arg)
{
	struct parcel sent, got;
	int pipe_fds[2], sockets[2], n_fds;

	(void)arg;
	CHECK_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	CHECK_EQUAL(net_unix_pair(sockets), 0);
	n_fds = count_fds();
	CHECK_EQUAL(rondo_sendmsg(sockets[0], parcel_pack(&sent, pipe_fds), 0), 1);
	parcel_init(&got)->msg_controllen = 0;
	CHECK_EQUAL(rondo_recvmsg(sockets[1], &got.msg, 0), 1);
	CHECK(got.msg.msg_flags & MSG_CTRUNC);
	CHECK_EQUAL(count_fds(), n_fds);
	net_close_pair(pipe_fds);
	net_close_pair(sockets);
	return 0;
}

static void test_descriptors_without_room_are_closed(void **state)
{
	(void)state;
	net_run(pass_into_too_little_room, NULL);
}

struct parcel_task {
	struct parcel parcel;
	int socket, ret;
};

static int receive_parcel(void *arg)
{
	struct parcel_task *t = arg;

	t->ret = (int)rondo_recvmsg(t->socket, parcel_init(&t->parcel), 0);
	return 0;
}

/* Two descriptors and a cancel, n_turns apart: the task has them, or they are still in the
 * socket. */
static int parcel_race(const int sockets[2], const int fds[2], int n_turns)
{
	struct parcel_task t = { .socket = sockets[1] };
	rondo_task *task = rondo_create_task(receive_parcel, &t);
	struct parcel sent;
	int received[2];
	bool by_task;

	CHECK_EQUAL(turns(3), 0);
	if (n_turns < 0)
		rondo_cancel(task);
	CHECK_EQUAL(sendmsg(sockets[0], parcel_pack(&sent, fds), 0), 1);
	CHECK_EQUAL(turns(n_turns < 0 ? -1 - n_turns : n_turns), 0);
	if (n_turns >= 0)
		rondo_cancel(task);
	(void)rondo_await(task);
	by_task = t.ret == 1;
	CHECK(by_task || t.ret == -ECANCELED);
	if (!by_task)
		CHECK_EQUAL(recvmsg(sockets[1], parcel_init(&t.parcel), MSG_DONTWAIT), 1);
	CHECK(parcel_unpack(&t.parcel, received));
	net_close_pair(received);
	return by_task;
}

static int parcel_races(void *arg)
{
	enum { ROUNDS = 200, TURNS_MAX = 3 };
	int pipe_fds[2], sockets[2], n_fds, n_by_tasks = 0;

	(void)arg;
	CHECK_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	CHECK_EQUAL(net_unix_pair(sockets), 0);
	n_fds = count_fds();
	for (int round = 0; round < ROUNDS; round++)
		for (int n = -TURNS_MAX; n <= TURNS_MAX; n++) {
			int ret = parcel_race(sockets, pipe_fds, n);

			CHECK(ret >= 0);
			n_by_tasks += ret;
		}
	CHECK(n_by_tasks > 0 && n_by_tasks < ROUNDS * (2 * TURNS_MAX + 1));
	CHECK_EQUAL(count_fds(), n_fds);
	net_close_pair(pipe_fds);
	net_close_pair(sockets);
	return 0;
}

static void test_recvmsg_in_a_race_with_cancel_loses_no_descriptor(void **state)
{
	(void)state;
	net_run(parcel_races, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recvfrom_need_not_tell_who_sent),
		cmocka_unit_test(test_recvfrom_tells_who_sent),
		cmocka_unit_test(test_datagrams_stay_whole),
		cmocka_unit_test(test_a_refused_datagram_is_told_to_the_next_call),
		cmocka_unit_test(test_a_datagram_to_a_name_waits_for_room),
		cmocka_unit_test(test_a_datagram_that_shall_not_wait_does_not),
		cmocka_unit_test(test_descriptors_can_be_passed),
		cmocka_unit_test(test_descriptors_without_room_are_closed),
		cmocka_unit_test(test_recvmsg_in_a_race_with_cancel_loses_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
