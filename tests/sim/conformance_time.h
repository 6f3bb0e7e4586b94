/* SPDX-License-Identifier: MIT */
/* conformance_time.h - scripts: timeouts and cancels. */
#ifndef RONDO_TESTS_CONFORMANCE_TIME_H
#define RONDO_TESTS_CONFORMANCE_TIME_H

#include "sim/conformance.h"

static struct __kernel_timespec never = { .tv_sec = 1000000 };

/* --- TIMEOUT --------------------------------------------------------------------------------- */

static void add_timeout(struct conf *c, uint64_t id, struct __kernel_timespec *ts, unsigned flags)
{
	ADD(c, id, timeout, ts, 0, flags);
}

static void one_timeout(struct conf *c, struct __kernel_timespec ts, unsigned flags)
{
	add_timeout(c, 1, &ts, flags);
	wait_for(c, 1);
}

static void timeout(struct conf *c)
{
	uint64_t begin = now(c);

	one_timeout(c, after(2 * MS), 0);
	say(c, 10, now(c) - begin >= 2 * MS);
}

static void timeout_zero(struct conf *c)
{
	one_timeout(c, after(0), 0);
}

static void timeout_absolute(struct conf *c)
{
	uint64_t end = now(c) + 3 * MS;

	one_timeout(c, after(end), IORING_TIMEOUT_ABS);
	say(c, 10, now(c) >= end);
}

static void timeout_past(struct conf *c)
{
	one_timeout(c, after(1), IORING_TIMEOUT_ABS);
}

static void timeout_of_wall_clock(struct conf *c)
{
	one_timeout(c, after(MS), IORING_TIMEOUT_REALTIME);
}

static void timeout_of_two_clocks(struct conf *c)
{
	one_timeout(c, after(MS), IORING_TIMEOUT_REALTIME | IORING_TIMEOUT_BOOTTIME);
}

static void timeout_misspelt(struct conf *c)
{
	one_timeout(c, (struct __kernel_timespec){ .tv_nsec = 1000000000 }, 0);
}

static void timeout_negative(struct conf *c)
{
	one_timeout(c, (struct __kernel_timespec){ .tv_sec = -1 }, 0);
}

static void timeout_at_bad_address(struct conf *c)
{
	add_timeout(c, 1, (struct __kernel_timespec *)8, 0);
	wait_for(c, 1);
}

static void timeout_without_one(struct conf *c)
{
	add_op(c, 1, IORING_OP_TIMEOUT, -1, &never, 2, 0);
	wait_for(c, 1);
}

static void timeout_repeats(struct conf *c)
{
	struct __kernel_timespec ts = after(MS);

	ADD(c, 1, timeout, &ts, 3, TIMEOUT_MULTISHOT);
	submit(c);
	CONF_AWAIT(c, c->n_cqes && !(c->lines[c->n_lines - 1].flags & IORING_CQE_F_MORE));
}

static void timeout_success(struct conf *c)
{
	struct __kernel_timespec ts = after(MS);

	if (!has_room(c, 2))
		return;
	ADD(c, 1, timeout, &ts, 0, IORING_TIMEOUT_ETIME_SUCCESS)->flags = IOSQE_IO_LINK;
	add_nop(c, 2);
	wait_for(c, 2);
}

static void timeout_breaks_a_chain(struct conf *c)
{
	struct __kernel_timespec ts = after(MS);

	if (!has_room(c, 2))
		return;
	ADD(c, 1, timeout, &ts, 0, 0)->flags = IOSQE_IO_LINK;
	add_nop(c, 2);
	wait_for(c, 2);
}

/* --- TIMEOUT_REMOVE -------------------------------------------------------------------------- */

static void timeout_removed(struct conf *c)
{
	add_timeout(c, 1, &never, 0);
	ADD(c, 2, timeout_remove, 1, 0);
	wait_for(c, 2);
}

static void timeout_absent(struct conf *c)
{
	ADD(c, 1, timeout_remove, 1, 0);
	wait_for(c, 1);
}

static void timeout_removed_twice(struct conf *c)
{
	add_timeout(c, 1, &never, 0);
	ADD(c, 2, timeout_remove, 1, 0);
	wait_for(c, 2);
	ADD(c, 3, timeout_remove, 1, 0);
	wait_for(c, 3);
}

static void timeout_updated(struct conf *c)
{
	struct __kernel_timespec ts = after(MS);

	add_timeout(c, 1, &never, 0);
	ADD(c, 2, timeout_update, &ts, 1, 0);
	wait_for(c, 2);
}

static void timeout_updated_absolutely(struct conf *c)
{
	struct __kernel_timespec ts = after(now(c) + MS);

	add_timeout(c, 1, &never, 0);
	ADD(c, 2, timeout_update, &ts, 1, IORING_TIMEOUT_ABS);
	wait_for(c, 2);
}

static void timeout_update_absent(struct conf *c)
{
	ADD(c, 1, timeout_update, &never, 5, 0);
	wait_for(c, 1);
}

static void timeout_update_misspelt(struct conf *c)
{
	struct __kernel_timespec ts = { .tv_sec = -1 };

	add_timeout(c, 1, &never, 0);
	ADD(c, 2, timeout_update, &ts, 1, 0);
	wait_for(c, 1);
}

static void remove_is_no_cancel(struct conf *c)
{
	add_waiting_read(c, 1);
	ADD(c, 2, timeout_remove, 1, 0);
	wait_for(c, 1);
}

/* --- ASYNC_CANCEL ---------------------------------------------------------------------------- */

static void cancel_read(struct conf *c)
{
	add_waiting_read(c, 1);
	add_cancel(c, 2, 1, 0);
	wait_for(c, 2);
}

static void cancel_timeout(struct conf *c)
{
	add_timeout(c, 1, &never, 0);
	add_cancel(c, 2, 1, 0);
	wait_for(c, 2);
}

static void cancel_absent(struct conf *c)
{
	add_cancel(c, 1, 77, 0);
	wait_for(c, 1);
}

static void cancel_itself(struct conf *c)
{
	add_cancel(c, 1, 1, 0);
	wait_for(c, 1);
}

static void cancel_all_absent(struct conf *c)
{
	add_cancel(c, 1, 77, IORING_ASYNC_CANCEL_ALL);
	wait_for(c, 1);
}

static void cancel_any_absent(struct conf *c)
{
	add_cancel(c, 1, 0, IORING_ASYNC_CANCEL_ANY);
	wait_for(c, 1);
}

static void cancel_one_of_two(struct conf *c)
{
	int fds[2] = { add_waiting_read(c, 1), add_waiting_read(c, 1) };

	add_cancel(c, 2, 1, 0);
	wait_for(c, 2);
	put(c, fds[0], "abcde");
	put(c, fds[1], "abcde");
	wait_for(c, 3);
}

static void cancel_all_of_two(struct conf *c)
{
	add_waiting_read(c, 1);
	add_waiting_read(c, 1);
	add_cancel(c, 2, 1, IORING_ASYNC_CANCEL_ALL);
	wait_for(c, 3);
}

static void cancel_any_of_three(struct conf *c)
{
	add_waiting_read(c, 1);
	add_timeout(c, 2, &never, 0);
	add_waiting_read(c, 3);
	settle(c);
	add_cancel(c, 4, 0, IORING_ASYNC_CANCEL_ANY);
	wait_for(c, 4);
}

static void cancel_by_fd(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	add_waiting_read(c, 1);
	ADD(c, 2, read, p[0], c->other, 5, 0);
	ADD(c, 3, cancel_fd, p[0], 0);
	wait_for(c, 2);
}

static void cancel_all_by_fd(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, read, p[0], c->buf, 5, 0);
	ADD(c, 2, poll_add, p[0], POLLIN);
	settle(c);
	ADD(c, 3, cancel_fd, p[0], IORING_ASYNC_CANCEL_ALL);
	wait_for(c, 3);
}

static void cancel_by_idle_fd(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, cancel_fd, p[0], 0);
	wait_for(c, 1);
}

static void cancel_by_bad_fd(struct conf *c)
{
	ADD(c, 1, cancel_fd, -1, 0);
	wait_for(c, 1);
}

static void cancel_with_offset(struct conf *c)
{
	add_op(c, 1, IORING_OP_ASYNC_CANCEL, -1, NULL, 0, 1);
	wait_for(c, 1);
}

static void cancel_multishot_poll(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, poll_multishot, p[0], POLLIN);
	add_cancel(c, 2, 1, 0);
	wait_for(c, 2);
}

static void cancel_blocked_splice(struct conf *c)
{
	int p[2], q[2];

	make_pipe(c, p);
	make_pipe(c, q);
	ADD(c, 1, splice, p[0], -1, q[1], -1, 10, 0);
	pause_for(c, 20 * MS);
	add_cancel(c, 2, 1, 0);
	wait_for(c, 2);
}

static const struct script time_scripts[] = {
	SCRIPT(TIMEOUT, timeout, .exact = "1=-ETIME 10=1"),
	SCRIPT(TIMEOUT, timeout_zero, .exact = "1=-ETIME"),
	SCRIPT(TIMEOUT, timeout_absolute, .exact = "1=-ETIME 10=1"),
	SCRIPT(TIMEOUT, timeout_past, .exact = "1=-ETIME"),
	SCRIPT(TIMEOUT, timeout_of_wall_clock, .exact = "1=-ETIME"),
	SCRIPT(TIMEOUT, timeout_of_two_clocks, .exact = "1=-EINVAL"),
	SCRIPT(TIMEOUT, timeout_misspelt, .exact = "1=-ETIME"),
	SCRIPT(TIMEOUT, timeout_negative, .exact = "1=-EINVAL"),
	SCRIPT(TIMEOUT, timeout_at_bad_address, .exact = "1=-EFAULT"),
	SCRIPT(TIMEOUT, timeout_without_one, .exact = "1=-EINVAL"),
	SCRIPT(TIMEOUT, timeout_repeats, .exact = "1=-ETIME+more 1=-ETIME+more 1=-ETIME",
	       .also = "1=-ETIME+more* 1=-ETIME | 1=-EINVAL"),
	SCRIPT(TIMEOUT, timeout_success, .exact = "1=-ETIME 2=0"),
	SCRIPT(TIMEOUT, timeout_breaks_a_chain, .exact = "1=-ETIME 2=-ECANCELED",
	       .also = "1=-ETIME 2=0"),
	SCRIPT(TIMEOUT_REMOVE, timeout_removed, .exact = "1=-ECANCELED 2=0"),
	SCRIPT(TIMEOUT_REMOVE, timeout_removed_twice, .exact = "1=-ECANCELED 2=0 3=-ENOENT"),
	SCRIPT(TIMEOUT_REMOVE, timeout_absent, .exact = "1=-ENOENT"),
	SCRIPT(TIMEOUT_REMOVE, timeout_updated, .exact = "1=-ETIME 2=0"),
	SCRIPT(TIMEOUT_REMOVE, timeout_updated_absolutely, .exact = "1=-ETIME 2=0"),
	SCRIPT(TIMEOUT_REMOVE, timeout_update_absent, .exact = "1=-ENOENT"),
	SCRIPT(TIMEOUT_REMOVE, timeout_update_misspelt, .exact = "2=-EINVAL"),
	SCRIPT(TIMEOUT_REMOVE, remove_is_no_cancel, .exact = "2=-ENOENT"),
	SCRIPT(ASYNC_CANCEL, cancel_read, .exact = "1=-ECANCELED 2=0"),
	SCRIPT(ASYNC_CANCEL, cancel_timeout, .exact = "1=-ECANCELED 2=0"),
	SCRIPT(ASYNC_CANCEL, cancel_absent, .exact = "1=-ENOENT"),
	SCRIPT(ASYNC_CANCEL, cancel_itself, .exact = "1=-ENOENT"),
	SCRIPT(ASYNC_CANCEL, cancel_all_absent, .exact = "1=0"),
	SCRIPT(ASYNC_CANCEL, cancel_any_absent, .exact = "1=0"),
	SCRIPT(ASYNC_CANCEL, cancel_one_of_two,
	       .also = "1=5 1=-ECANCELED 2=0 | 1=-ECANCELED 1=5 2=0"),
	SCRIPT(ASYNC_CANCEL, cancel_all_of_two, .exact = "1=-ECANCELED 1=-ECANCELED 2=2"),
	SCRIPT(ASYNC_CANCEL, cancel_any_of_three,
	       .exact = "1=-ECANCELED 2=-ECANCELED 3=-ECANCELED 4=3"),
	SCRIPT(ASYNC_CANCEL, cancel_by_fd, .exact = "2=-ECANCELED 3=0"),
	SCRIPT(ASYNC_CANCEL, cancel_all_by_fd, .exact = "1=-ECANCELED 2=-ECANCELED 3=2"),
	SCRIPT(ASYNC_CANCEL, cancel_by_idle_fd, .exact = "1=-ENOENT"),
	SCRIPT(ASYNC_CANCEL, cancel_by_bad_fd, .exact = "1=-EBADF"),
	SCRIPT(ASYNC_CANCEL, cancel_with_offset, .exact = "1=-EINVAL"),
	SCRIPT(ASYNC_CANCEL, cancel_multishot_poll, .exact = "1=-ECANCELED 2=0"),
	/* On a busy machine the worker may have been interrupted for nothing before the cancel
	 * came (KN-10). */
	SCRIPT(ASYNC_CANCEL, cancel_blocked_splice,
	       .also = "1=-EINTR/-ECANCELED/-ERESTARTSYS 2=-EALREADY/0 | "
		       "1=-EINTR/-ERESTARTSYS 2=-ENOENT"),
};
#endif
