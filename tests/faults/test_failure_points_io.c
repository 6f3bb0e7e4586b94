/* SPDX-License-Identifier: MIT */
/* test_failure_points_io.c - goal: whatever fails while files, pipes, sockets, receivers, futexes
 * and children are worked with, the caller gets the error, nothing leaks, nothing hangs, no byte is
 * lost, and the loop works on. Method: scenario.h, in a folder of its own and on loopback. */
#include "scenario.h"

#include <netinet/in.h>
#include <sys/un.h>

#include "rondo/file.h"
#include "rondo/memory.h"
#include "rondo/poll.h"
#include "rondo/process.h"
#include "rondo/socket.h"
#include "rondo/splice.h"
#include "support/folder.h"

/* --- files ----------------------------------------------------------------------------------- */

static int open_and_close(void)
{
	int fd = rondo_open("file", O_RDWR | O_CREAT, 0600);

	return fd < 0 ? fd : rondo_close(fd);
}

static int write_and_read(void)
{
	char back[6] = "";
	int fd = rondo_open("file", O_RDWR | O_CREAT | O_TRUNC, 0600), ret;

	if (fd < 0)
		return fd;
	ret = rondo_write_all(fd, "hello ", 6, NULL);
	ret = first(ret, rondo_pread_exactly(fd, back, sizeof(back), 0, NULL));
	if (ret == 0)
		CHECK(memcmp(back, "hello ", 6) == 0);
	ret = first(ret, rondo_fsync(fd));
	shut(fd);
	return ret;
}

static int name_and_size(void)
{
	struct statx st = { 0 };
	int ret = write_and_read();

	ret = first(ret, rondo_statx(AT_FDCWD, "file", 0, STATX_SIZE, &st));
	if (ret == 0)
		CHECK_EQUAL(st.stx_size, 6);
	ret = first(ret, rondo_rename("file", "other"));
	return first(ret, rondo_unlink("other"));
}

/* What `rondo cp` does: several tasks with a buffer each, one file to read, one to write. */
struct copy {
	int in, out;
	int64_t next, end;
};

enum { BLOCK_BYTES = 1000 };

static int copies_blocks(void *arg)
{
	struct copy *c = arg;
	char *block = malloc(BLOCK_BYTES);
	int ret = block ? 0 : -ENOMEM;

	while (ret == 0 && c->next < c->end) {
		int64_t offset = c->next;

		c->next += BLOCK_BYTES;
		ret = rondo_pread_exactly(c->in, block, BLOCK_BYTES, offset, NULL);
		if (ret == 0)
			ret = rondo_pwrite_all(c->out, block, BLOCK_BYTES, offset, NULL);
	}
	free(block);
	return ret;
}

static int check_copy(const struct copy *c)
{
	static char block[8 * BLOCK_BYTES];

	CHECK_EQUAL(pread(c->out, block, sizeof(block), 0), sizeof(block));
	for (size_t i = 0; i < sizeof(block); i++)
		CHECK_EQUAL(block[i], (char)('a' + i / BLOCK_BYTES));
	return 0;
}

static int copy_file(void)
{
	rondo_task *copiers[4];
	struct copy c = { .end = (int64_t)8 * BLOCK_BYTES };
	int ret;

	c.in = rondo_open("big", O_RDONLY, 0);
	c.out = rondo_open("copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ret = first(c.in, c.out);
	for (size_t i = 0; i < 4 && ret == 0; i++)
		copiers[i] = rondo_create_task(copies_blocks, &c);
	if (ret == 0)
		ret = rondo_gather(4, copiers, NULL, RONDO_GATHER_CANCEL_REST);
	if (ret == 0)
		ret = check_copy(&c);
	shut(c.in);
	shut(c.out);
	return ret;
}

static void make_big_file(void)
{
	int fd = open("big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	for (int i = 0; i < 8 * BLOCK_BYTES; i++)
		assert_int_equal(write(fd, &(char){ (char)('a' + i / BLOCK_BYTES) }, 1), 1);
	close(fd);
}

/* --- pipes ----------------------------------------------------------------------------------- */

static int through_a_pipe(void)
{
	int fds[2] = { -1, -1 }, ret = rondo_pipe(fds, 0);
	char back[3] = "";

	ret = first(ret, ret < 0 ? 0 : exactly(rondo_write(fds[1], "abc", 3), 3));
	ret = first(ret, ret < 0 ? 0 : exactly(rondo_read(fds[0], back, 3), 3));
	if (ret == 0)
		CHECK(memcmp(back, "abc", 3) == 0);
	shut(fds[0]);
	shut(fds[1]);
	return ret;
}

static int splice_between(int in, int out)
{
	char back[3] = "";
	int ret = exactly(rondo_splice(in, -1, out, -1, 3, 0), 3);

	ret = first(ret, ret < 0 ? 0 : exactly(rondo_pread(out, back, 3, 0), 3));
	if (ret == 0)
		CHECK(memcmp(back, "abc", 3) == 0);
	return ret;
}

static int splice_to_a_file(void)
{
	int fds[2] = { -1, -1 }, fd, ret = rondo_pipe(fds, 0);

	if (ret < 0)
		return ret;
	fd = rondo_open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ret = first(fd, exactly(rondo_write(fds[1], "abc", 3), 3));
	if (ret == 0)
		ret = splice_between(fds[0], fd);
	shut(fd);
	shut(fds[0]);
	shut(fds[1]);
	return ret;
}

static int writes_a_byte(void *arg)
{
	return first(rondo_yield(), exactly(rondo_write(*(int *)arg, "x", 1), 1));
}

static int poll_a_pipe(void)
{
	int fds[2] = { -1, -1 }, ret = rondo_pipe(fds, 0);
	rondo_task *t;

	if (ret < 0)
		return ret;
	t = rondo_create_task(writes_a_byte, &fds[1]);
	if (t)
		ret = exactly(rondo_poll(fds[0], POLLIN), POLLIN);
	ret = first(ret, rondo_await(t));
	shut(fds[0]);
	shut(fds[1]);
	return ret;
}

/* --- sockets --------------------------------------------------------------------------------- */

static int echoes(void *arg)
{
	const int *fd = arg;
	char buf[64];
	ssize_t n = rondo_recv(*fd, buf, sizeof(buf), 0);
	int ret = n > 0 ? rondo_send_all(*fd, buf, (size_t)n, NULL) : (int)n;

	rondo_shutdown(*fd, SHUT_WR);
	return ret;
}

/* Both ends are closed for writing whatever happens: nobody waits for ever. */
static int ask_and_listen(int fd)
{
	char back[16] = "";
	size_t n = 0;
	int ret = rondo_send_all(fd, "question", 8, NULL);

	rondo_shutdown(fd, SHUT_WR);
	ret = first(ret, rondo_recv_exactly(fd, back, 8, &n));
	if (ret == 0)
		CHECK(memcmp(back, "question", 8) == 0);
	return ret;
}

/* An echo that failed is why nothing came back. */
static int converse(int fd, int peer)
{
	rondo_task *t = rondo_create_task(echoes, &peer);
	int asked, echoed;

	if (!t)
		return -ENOMEM;
	asked = ask_and_listen(fd);
	echoed = rondo_await(t);
	return asked == -RONDO_EINCOMPLETE && echoed < 0 ? echoed : first(asked, echoed);
}

static int echo_on_a_pair(void)
{
	int fds[2] = { -1, -1 }, ret = rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);

	if (ret == 0)
		ret = converse(fds[0], fds[1]);
	shut(fds[0]);
	shut(fds[1]);
	return ret;
}

struct accepting {
	int listener, fd;
};

static int accepts(void *arg)
{
	struct accepting *a = arg;

	a->fd = rondo_accept(a->listener, NULL, NULL);
	return a->fd < 0 ? a->fd : 0;
}

static int port_of(int fd, uint16_t *port)
{
	struct sockaddr_in a = { 0 };
	socklen_t size = sizeof(a);
	int ret = rondo_getsockname(fd, (struct sockaddr *)&a, &size);

	*port = ntohs(a.sin_port);
	return ret;
}

static int connect_and_echo(int listener)
{
	struct accepting a = { .listener = listener, .fd = -1 };
	rondo_task *t = rondo_create_task(accepts, &a);
	uint16_t port = 0;
	int fd, ret = port_of(listener, &port), accepted;

	fd = ret < 0 || !t ? ret : rondo_connect_tcp("127.0.0.1", port);
	if (fd < 0)
		rondo_cancel(t);
	accepted = rondo_await(t);
	if (fd >= 0 && accepted == 0 && t)
		ret = converse(fd, a.fd);
	if (t)
		shut(fd);
	shut(a.fd);
	return first(fd, first(accepted, ret));
}

static int echo_over_tcp(void)
{
	int listener = rondo_listen_tcp("127.0.0.1", 0, NULL), ret;

	if (listener < 0)
		return listener;
	ret = connect_and_echo(listener);
	shut(listener);
	return ret;
}

static int connect_unix_to(int listener, const struct sockaddr *a, socklen_t size)
{
	int peer = -1, ret, fd = rondo_socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0)
		return fd;
	ret = rondo_connect(fd, a, size);
	if (ret == 0)
		ret = peer = rondo_accept(listener, NULL, NULL);
	if (ret >= 0)
		ret = converse(fd, peer);
	shut(peer);
	shut(fd);
	return ret;
}

static int echo_over_unix(void)
{
	const struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "socket" };
	const struct sockaddr *address = (const struct sockaddr *)&a;
	int ret, fd = rondo_socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0)
		return fd;
	ret = rondo_bind(fd, address, sizeof(a));
	if (ret == 0)
		ret = rondo_listen(fd, 5);
	if (ret == 0)
		ret = connect_unix_to(fd, address, sizeof(a));
	unlink("socket");
	shut(fd);
	return ret;
}

static int datagram(void)
{
	int fds[2] = { -1, -1 }, ret = rondo_socketpair(AF_UNIX, SOCK_DGRAM, 0, fds);
	char buf[8] = "";

	if (ret == 0)
		ret = exactly(rondo_sendto(fds[0], "data", 4, 0, NULL, 0), 4);
	if (ret == 0)
		ret = exactly(rondo_recvfrom(fds[1], buf, sizeof(buf), 0, NULL, NULL), 4);
	if (ret == 0)
		CHECK(memcmp(buf, "data", 4) == 0);
	shut(fds[0]);
	shut(fds[1]);
	return ret;
}

/* --- receivers ------------------------------------------------------------------------------- */

struct receiving {
	int fd;
	int n_wanted, n_got;
};

/* Bytes come in order and are all there, through whichever buffers there are. */
static int receives(void *arg)
{
	struct receiving *r = arg;
	struct rondo_receiver receiver;
	const void *data;
	ssize_t n = 1;

	rondo_receiver_init(&receiver, r->fd);
	while (r->n_got < r->n_wanted && n > 0) {
		n = rondo_receiver_lend(&receiver, &data);
		for (ssize_t i = 0; i < n; i++)
			if (((const char *)data)[i] != (char)('0' + r->n_got++ % 10))
				check_failed(__FILE__, __LINE__, "wrong byte", i);
	}
	rondo_receiver_end(&receiver);
	return n < 0 ? (int)n : 0;
}

static int receive(void)
{
	int fds[2] = { -1, -1 }, ret = rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	struct receiving r = { .fd = fds[0], .n_wanted = 40 };
	rondo_task *t = ret == 0 ? rondo_create_task(receives, &r) : NULL;

	if (ret < 0)
		return ret;
	for (int i = 0; i < 4 && ret == 0; i++) {
		ret = rondo_send_all(fds[1], "0123456789", 10, NULL);
		ret = first(ret, rondo_yield());
	}
	rondo_shutdown(fds[1], SHUT_WR);
	ret = first(ret, rondo_await(t));
	if (ret == 0)
		CHECK_EQUAL(r.n_got, r.n_wanted);
	shut(fds[0]);
	shut(fds[1]);
	return ret;
}

/* A receiver that waits is cancelled. */
static int cancel_a_receiver(void)
{
	int fds[2] = { -1, -1 }, told, ret = rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	struct receiving r = { .fd = fds[0], .n_wanted = 1 };
	rondo_task *t = ret == 0 ? rondo_create_task(receives, &r) : NULL;

	if (ret < 0)
		return ret;
	ret = yield_times(3);
	rondo_cancel(t);
	told = rondo_await(t);
	shut(fds[0]);
	shut(fds[1]);
	return first(ret, told == -ECANCELED ? 0 : told);
}

/* --- futexes, children, a small queue -------------------------------------------------------- */

static int waits_for_word(void *arg)
{
	return rondo_futex_wait(arg, 0);
}

/* A waiter that never was leaves nobody to wake. */
static int futex(void)
{
	uint32_t word = 0;
	rondo_task *t = rondo_create_task(waits_for_word, &word);
	int n = 0, ret = t ? 0 : -ENOMEM;

	while (t && ret == 0 && n == 0) {
		ret = rondo_yield();
		n = ret == 0 ? rondo_futex_wake(&word, 1) : 0;
	}
	ret = first(ret, n);
	if (ret < 0)
		rondo_cancel(t);
	return first(ret, t ? rondo_await(t) : 0);
}

static int wait_for_child(void)
{
	siginfo_t info = { 0 };
	pid_t pid = fork();
	int ret;

	if (pid == 0)
		_exit(7);
	ret = rondo_waitid(P_PID, (id_t)pid, &info, WEXITED);
	if (ret == 0)
		CHECK_EQUAL(info.si_status, 7);
	else
		waitpid(pid, NULL, 0);
	return ret;
}

static int reads_zeros(void *arg)
{
	char buf[16];

	return exactly(rondo_pread(*(int *)arg, buf, sizeof(buf), 0), sizeof(buf));
}

/* More operations at once than the submission queue holds. */
static int full_queue(void)
{
	enum { N = 40 };
	rondo_task *tasks[N];
	int ret = 0, fd = rondo_open("/dev/zero", O_RDONLY, 0);

	if (fd < 0)
		return fd;
	for (size_t i = 0; i < N; i++)
		tasks[i] = rondo_create_task(reads_zeros, &fd);
	for (size_t i = 0; i < N; i++)
		ret = first(ret, rondo_await(tasks[i]));
	shut(fd);
	return ret;
}

/* --- the list -------------------------------------------------------------------------------- */

static const struct scenario scenarios[] = {
	{ .name = "open and close", .body = open_and_close },
	{ .name = "write and read", .body = write_and_read },
	{ .name = "statx, rename, unlink", .body = name_and_size },
	{ .name = "copy a file", .body = copy_file },
	{ .name = "through a pipe", .body = through_a_pipe },
	{ .name = "splice to a file", .body = splice_to_a_file },
	{ .name = "poll", .body = poll_a_pipe },
	{ .name = "echo on a socket pair", .body = echo_on_a_pair },
	{ .name = "echo over TCP", .body = echo_over_tcp },
	{ .name = "echo over a named socket", .body = echo_over_unix },
	{ .name = "a datagram", .body = datagram },
	{ .name = "a receiver", .body = receive },
	{ .name = "cancel a receiver", .body = cancel_a_receiver },
	{ .name = "futex", .body = futex, .needs_young_op = true },
	{ .name = "wait for a child", .body = wait_for_child },
	{ .name = "a full submission queue", .body = full_queue },
};

enum { N_SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

static void test_any_one_thing_or_all_from_one_on_may_fail(void **state)
{
	(void)state;
	make_big_file();
	fail_everywhere(scenarios, N_SCENARIOS);
}

static void test_an_enter_that_fails_for_good_is_a_bug_line(void **state)
{
	(void)state;
	make_big_file();
	for (size_t i = 0; i < N_SCENARIOS; i++)
		fail_enters_for_good(&scenarios[i], -EFAULT, " (engine/");
}

/* Another thread's or process's ring says EEXIST. */
static void test_an_enter_of_another_thread_s_ring_says_so(void **state)
{
	(void)state;
	fail_enters_for_good(&scenarios[0], -EEXIST, "another thread or process");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_one_thing_or_all_from_one_on_may_fail),
		cmocka_unit_test(test_an_enter_that_fails_for_good_is_a_bug_line),
		cmocka_unit_test(test_an_enter_of_another_thread_s_ring_says_so),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
