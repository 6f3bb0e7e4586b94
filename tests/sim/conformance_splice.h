/* SPDX-License-Identifier: MIT */
/* conformance_splice.h - scripts: SPLICE and TEE, futexes, children, epoll. */
#ifndef RONDO_TESTS_CONFORMANCE_SPLICE_H
#define RONDO_TESTS_CONFORMANCE_SPLICE_H

#include <sys/wait.h>

#include "sim/conformance.h"

/* --- SPLICE, TEE ----------------------------------------------------------------------------- */

static void splice_it(struct conf *c, int from, int64_t from_offset, int to, int64_t to_offset,
		      unsigned flags)
{
	ADD(c, 1, splice, from, from_offset, to, to_offset, 100, flags);
	wait_for(c, 1);
}

static void splice_from_file(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	splice_it(c, make_file(c, "old", "0123456789"), 2, p[1], -1, 0);
}

static void splice_to_file(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	put(c, p[1], "hello");
	splice_it(c, p[0], -1, make_file(c, "new", ""), 0, 0);
}

static void splice_pipes(struct conf *c)
{
	int p[2], q[2];

	make_pipe(c, p);
	make_pipe(c, q);
	put(c, p[1], "hello");
	splice_it(c, p[0], -1, q[1], -1, 0);
}

static void splice_ended(struct conf *c)
{
	int p[2], q[2];

	make_pipe(c, p);
	make_pipe(c, q);
	close_fd(c, p[1]);
	splice_it(c, p[0], -1, q[1], -1, 0);
}

static void splice_empty_at_once(struct conf *c)
{
	int p[2], q[2];

	make_pipe(c, p);
	make_pipe(c, q);
	splice_it(c, p[0], -1, q[1], -1, SPLICE_F_NONBLOCK);
}

static void splice_without_pipe(struct conf *c)
{
	splice_it(c, make_file(c, "a", "text"), 0, make_file(c, "b", ""), 0, 0);
}

static void splice_offset_of_pipe(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	splice_it(c, make_file(c, "a", "text"), 0, p[1], 0, 0);
}

static void splice_unread(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	close_fd(c, p[0]);
	splice_it(c, make_file(c, "a", "text"), 0, p[1], -1, 0);
}

static void splice_bad_flags(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	splice_it(c, make_file(c, "a", "text"), 0, p[1], -1, 1 << 20);
}

static void splice_from_nothing(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	splice_it(c, -1, -1, p[1], -1, 0);
}

static void tee_it(struct conf *c, int from, int to, unsigned flags)
{
	ADD(c, 1, tee, from, to, 100, flags);
	wait_for(c, 1);
}

static void tee_pipes(struct conf *c)
{
	int p[2], q[2];

	make_pipe(c, p);
	make_pipe(c, q);
	put(c, p[1], "hello");
	tee_it(c, p[0], q[1], 0);
	ADD(c, 2, read, p[0], c->buf, 10, 0);
	ADD(c, 3, read, q[0], c->other, 10, 0);
	if (!has_line(c, 1, 5))
		return;
	wait_for(c, 3);
}

static void tee_empty_at_once(struct conf *c)
{
	int p[2], q[2];

	make_pipe(c, p);
	make_pipe(c, q);
	tee_it(c, p[0], q[1], SPLICE_F_NONBLOCK);
}

static void tee_file(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	tee_it(c, make_file(c, "a", "text"), p[1], 0);
}

static void tee_to_itself(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	put(c, p[1], "hello");
	tee_it(c, p[0], p[1], 0);
}

/* --- FUTEX_WAIT, FUTEX_WAKE ------------------------------------------------------------------ */

enum { U32_PRIVATE = 0x82 };

static void add_futex(struct conf *c, uint64_t id, unsigned opcode, uint32_t value, uint64_t mask,
		      int flags)
{
	add_op(c, id, opcode, flags, c->buf, 0, value)->addr3 = mask;
}

static void add_futex_wait(struct conf *c, uint64_t id, uint32_t value)
{
	add_futex(c, id, RONDO_OP_FUTEX_WAIT, value, UINT32_MAX, U32_PRIVATE);
}

static void wake_futex(struct conf *c, uint64_t id, uint32_t n)
{
	add_futex(c, id, RONDO_OP_FUTEX_WAKE, n, UINT32_MAX, U32_PRIVATE);
	wait_for_id(c, id);
}

static void futex_woken(struct conf *c)
{
	add_futex_wait(c, 1, 0);
	settle(c);
	wake_futex(c, 2, 1);
	if (has_line(c, 2, 1))
		wait_for(c, 2);
}

static void futex_changed(struct conf *c)
{
	add_futex_wait(c, 1, 7);
	wait_for(c, 1);
}

static void futex_nobody(struct conf *c)
{
	wake_futex(c, 1, 1);
}

static void futex_one_of_two(struct conf *c)
{
	add_futex_wait(c, 1, 0);
	add_futex_wait(c, 1, 0);
	settle(c);
	wake_futex(c, 2, 1);
	pause_for(c, 2 * MS);
}

static void futex_both(struct conf *c)
{
	add_futex_wait(c, 1, 0);
	add_futex_wait(c, 1, 0);
	settle(c);
	wake_futex(c, 2, 9);
	if (has_line(c, 2, 2))
		wait_for(c, 3);
}

static void futex_cancelled(struct conf *c)
{
	add_futex_wait(c, 1, 0);
	ADD(c, 2, cancel64, 1, 0);
	wait_for(c, 2);
}

static void futex_without_mask(struct conf *c)
{
	add_futex(c, 1, RONDO_OP_FUTEX_WAIT, 0, 0, U32_PRIVATE);
	add_futex(c, 2, RONDO_OP_FUTEX_WAKE, 1, 0, U32_PRIVATE);
	wait_for(c, 2);
}

static void futex_bad_size(struct conf *c)
{
	add_futex(c, 1, RONDO_OP_FUTEX_WAIT, 0, UINT32_MAX, 0x81);
	add_futex(c, 2, RONDO_OP_FUTEX_WAKE, 0, UINT32_MAX, 0x81);
	wait_for(c, 2);
}

static void futex_unaligned(struct conf *c)
{
	add_op(c, 1, RONDO_OP_FUTEX_WAIT, U32_PRIVATE, c->buf + 1, 0, 0)->addr3 = UINT32_MAX;
	wait_for(c, 1);
}

/* --- WAITID ---------------------------------------------------------------------------------- */

/* A child that exits with a status, after a while. */
static int make_child(struct conf *c, int status, unsigned delay_ms)
{
	int pid;

	if (c->in_sim)
		return needs(c, rondo_sim_start_child(status, delay_ms * MS));
	pid = fork();
	if (pid == 0) {
		usleep(delay_ms * 1000);
		_exit(status);
	}
	if (pid > 0 && c->n_children < 4)
		c->children[c->n_children++] = pid;
	return needs(c, pid);
}

static void add_waitid(struct conf *c, uint64_t id, int type, int pid, int options)
{
	add_op(c, id, RONDO_OP_WAITID, pid, NULL, (unsigned)type, (uintptr_t)c->buf)->file_index =
		(unsigned)options;
}

static void say_child(struct conf *c, int pid)
{
	const siginfo_t *info = (const void *)c->buf;

	say(c, 10, info->si_pid == pid);
	say(c, 11, info->si_status);
}

static void child_exits(struct conf *c)
{
	int pid = make_child(c, 7, 5);

	add_waitid(c, 1, P_PID, pid, WEXITED);
	wait_for(c, 1);
	say_child(c, pid);
}

static void child_any(struct conf *c)
{
	int pid = make_child(c, 3, 5);

	add_waitid(c, 1, P_ALL, 0, WEXITED);
	wait_for(c, 1);
	say_child(c, pid);
}

static void child_runs_on(struct conf *c)
{
	add_waitid(c, 1, P_PID, make_child(c, 7, 20000), WEXITED | WNOHANG);
	wait_for(c, 1);
	say(c, 10, ((const siginfo_t *)(void *)c->buf)->si_pid);
}

static void child_of_nobody(struct conf *c)
{
	add_waitid(c, 1, P_ALL, 0, WEXITED);
	wait_for(c, 1);
}

static void child_cancelled(struct conf *c)
{
	add_waitid(c, 1, P_PID, make_child(c, 7, 20000), WEXITED);
	ADD(c, 2, cancel64, 1, 0);
	wait_for(c, 2);
}

static void child_bad_options(struct conf *c)
{
	add_waitid(c, 1, P_ALL, 0, 0);
	add_waitid(c, 2, P_ALL, 0, WEXITED | 1 << 10);
	add_waitid(c, 3, 99, 0, WEXITED);
	wait_for(c, 3);
}

/* --- EPOLL_WAIT ------------------------------------------------------------------------------ */

static void epoll_of_a_pipe(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	add_op(c, 1, RONDO_OP_EPOLL_WAIT, p[0], c->buf, 4, 0);
	wait_for(c, 1);
}

static void epoll_of_nothing(struct conf *c)
{
	add_op(c, 1, RONDO_OP_EPOLL_WAIT, -1, c->buf, 4, 0);
	wait_for(c, 1);
}

static void epoll_with_offset(struct conf *c)
{
	add_op(c, 1, RONDO_OP_EPOLL_WAIT, -1, c->buf, 4, 1);
	wait_for(c, 1);
}

static const struct script other_scripts[] = {
	SCRIPT(SPLICE, splice_from_file, .exact = "1=8", .also = "1=1..7/-EIO/-EINTR"),
	SCRIPT(SPLICE, splice_to_file, .exact = "1=5", .also = "1=1..4/-EIO/-ENOSPC/-EINTR"),
	SCRIPT(SPLICE, splice_pipes, .exact = "1=5", .also = "1=-EINTR"),
	SCRIPT(SPLICE, splice_ended, .exact = "1=0"),
	SCRIPT(SPLICE, splice_empty_at_once, .exact = "1=-EAGAIN"),
	SCRIPT(SPLICE, splice_without_pipe, .exact = "1=-EINVAL"),
	SCRIPT(SPLICE, splice_offset_of_pipe, .exact = "1=-ESPIPE"),
	SCRIPT(SPLICE, splice_unread, .exact = "1=-EPIPE"),
	SCRIPT(SPLICE, splice_bad_flags, .exact = "1=-EINVAL"),
	SCRIPT(SPLICE, splice_from_nothing, .exact = "1=-EBADF"),
	SCRIPT(TEE, tee_pipes, .exact = "1=5 2=5 3=5", .also = "1=-EINTR"),
	SCRIPT(TEE, tee_empty_at_once, .exact = "1=-EAGAIN"),
	SCRIPT(TEE, tee_file, .exact = "1=-EINVAL"),
	SCRIPT(TEE, tee_to_itself, .exact = "1=-EINVAL"),
	NEW_SCRIPT(FUTEX_WAIT, futex_woken, .exact = "1=0 2=1", .also = "2=0"),
	NEW_SCRIPT(FUTEX_WAIT, futex_changed, .exact = "1=-EAGAIN"),
	NEW_SCRIPT(FUTEX_WAKE, futex_nobody, .exact = "1=0"),
	NEW_SCRIPT(FUTEX_WAKE, futex_one_of_two, .exact = "1=0 2=1", .also = "2=0/1"),
	NEW_SCRIPT(FUTEX_WAKE, futex_both, .exact = "1=0 1=0 2=2", .also = "1=0? 2=0/1"),
	NEW_SCRIPT(FUTEX_WAIT, futex_cancelled, .exact = "1=-ECANCELED 2=1",
		   .also = "1=-ECANCELED 2=0"),
	NEW_SCRIPT(FUTEX_WAIT, futex_without_mask, .exact = "1=-EINVAL 2=-EINVAL"),
	NEW_SCRIPT(FUTEX_WAKE, futex_bad_size, .exact = "1=-EINVAL 2=-EINVAL"),
	NEW_SCRIPT(FUTEX_WAIT, futex_unaligned, .exact = "1=-EINVAL"),
	NEW_SCRIPT(WAITID, child_exits, .exact = "1=0 10=1 11=7"),
	NEW_SCRIPT(WAITID, child_any, .exact = "1=0 10=1 11=3"),
	NEW_SCRIPT(WAITID, child_runs_on, .exact = "1=0 10=0", .also = "1=0 10=any"),
	NEW_SCRIPT(WAITID, child_of_nobody, .exact = "1=-ECHILD"),
	NEW_SCRIPT(WAITID, child_cancelled, .exact = "1=-ECANCELED 2=1",
		   .also = "1=0 2=-ENOENT | 1=-ECANCELED 2=0"),
	NEW_SCRIPT(WAITID, child_bad_options, .exact = "1=-EINVAL 2=-EINVAL 3=-EINVAL"),
	NEW_SCRIPT(EPOLL_WAIT, epoll_of_a_pipe, .exact = "1=-EINVAL"),
	NEW_SCRIPT(EPOLL_WAIT, epoll_of_nothing, .exact = "1=-EBADF"),
	NEW_SCRIPT(EPOLL_WAIT, epoll_with_offset, .exact = "1=-EINVAL"),
};
#endif
