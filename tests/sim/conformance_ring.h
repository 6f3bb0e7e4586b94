/* SPDX-License-Identifier: MIT */
/* conformance_ring.h - scripts: what belongs to the ring itself. NOP, links,
 * messages, the queues. */
#ifndef RONDO_TESTS_CONFORMANCE_RING_H
#define RONDO_TESTS_CONFORMANCE_RING_H

#include "sim/conformance.h"

/* --- NOP, and flags of any SQE --------------------------------------------------------------- */

static void nop(struct conf *c)
{
	add_nop(c, 1);
	wait_for(c, 1);
}

static void nop_in_worker(struct conf *c)
{
	add_nop(c, 1)->flags = IOSQE_ASYNC;
	wait_for(c, 1);
}

static void nop_skipped(struct conf *c)
{
	add_nop(c, 1)->flags = IOSQE_CQE_SKIP_SUCCESS;
	add_nop(c, 2);
	wait_for(c, 1);
	pause_for(c, c->in_sim ? 20000 * MS : MS);
	c->ring.n_in_flight--;		/* for the one that says nothing */
}

static void failure_not_skipped(struct conf *c)
{
	ADD(c, 1, read, -1, c->buf, 1, 0)->flags = IOSQE_CQE_SKIP_SUCCESS;
	wait_for(c, 1);
}

static void unknown_opcode(struct conf *c)
{
	add_op(c, 1, 200, -1, NULL, 0, 0);
	add_nop(c, 2);
	wait_for(c, 2);
}

/* --- links ----------------------------------------------------------------------------------- */

static void chain(struct conf *c)
{
	if (!has_room(c, 3))
		return;
	add_nop(c, 1)->flags = IOSQE_IO_LINK;
	add_nop(c, 2)->flags = IOSQE_IO_LINK;
	add_nop(c, 3);
	wait_for(c, 3);
}

static void chain_unended(struct conf *c)
{
	if (!has_room(c, 2))
		return;
	add_nop(c, 1)->flags = IOSQE_IO_LINK;
	add_nop(c, 2)->flags = IOSQE_IO_LINK;
	submit(c);
	add_nop(c, 3);
	wait_for(c, 3);
}

static void break_chain(struct conf *c, unsigned flags)
{
	if (!has_room(c, 3))
		return;
	ADD(c, 1, read, -1, c->buf, 1, 0)->flags = (__u8)flags;
	add_nop(c, 2)->flags = IOSQE_IO_LINK;
	add_nop(c, 3);
	wait_for(c, 3);
}

static void chain_broken(struct conf *c)
{
	break_chain(c, IOSQE_IO_LINK);
}

static void chain_hard(struct conf *c)
{
	break_chain(c, IOSQE_IO_HARDLINK);
}

static void chain_broken_within(struct conf *c)
{
	if (!has_room(c, 3))
		return;
	add_nop(c, 1)->flags = IOSQE_IO_LINK;
	ADD(c, 2, read, -1, c->buf, 1, 0)->flags = IOSQE_IO_LINK;
	add_nop(c, 3);
	wait_for(c, 3);
}

static void chain_with_a_bad_sqe(struct conf *c)
{
	if (!has_room(c, 3))
		return;
	add_nop(c, 1)->flags = IOSQE_IO_LINK;
	add_op(c, 2, 200, -1, NULL, 0, 0)->flags = IOSQE_IO_LINK;
	add_nop(c, 3);
	wait_for(c, 3);
}

static void chain_short(struct conf *c)
{
	int p[2];

	if (!has_room(c, 2))
		return;
	make_pipe(c, p);
	put(c, p[1], "abc");
	ADD(c, 1, read, p[0], c->buf, 10, 0)->flags = IOSQE_IO_LINK;
	add_nop(c, 2);
	wait_for(c, 2);
}

static void chain_cancelled(struct conf *c)
{
	if (!has_room(c, 2))
		return;
	add_waiting_read(c, 1);
	c->ring.uring.sq.sqes[(c->ring.uring.sq.sqe_tail - 1) & c->ring.uring.sq.ring_mask].flags =
		IOSQE_IO_LINK;
	add_nop(c, 2);
	settle(c);
	add_cancel(c, 3, 1, 0);
	wait_for(c, 3);
}

static void chain_cancelled_behind(struct conf *c)
{
	int p[2];

	if (!has_room(c, 2))
		return;
	make_pipe(c, p);
	ADD(c, 1, read, p[0], c->buf, 3, 0)->flags = IOSQE_IO_LINK;
	add_nop(c, 2);
	settle(c);
	add_cancel(c, 3, 2, 0);
	wait_for(c, 1);
	put(c, p[1], "abc");
	wait_for(c, 3);
}

/* --- LINK_TIMEOUT ---------------------------------------------------------------------------- */

/* In two parts (KN-9), the limit would have nothing to limit, and the read wait for ever. */
static void wait_for_limited(struct conf *c, unsigned n)
{
	CONF_AWAIT(c, c->n_cqes >= n || has_line(c, 2, -EINVAL));
}

static void limit(struct conf *c, uint64_t limit_ns, const char *text)
{
	struct __kernel_timespec ts = after(limit_ns);
	int p[2];

	if (!has_room(c, 2))
		return;
	make_pipe(c, p);
	put(c, p[1], text);
	ADD(c, 1, read, p[0], c->buf, 3, 0)->flags = IOSQE_IO_LINK;
	ADD(c, 2, link_timeout, &ts, 0);
	wait_for_limited(c, 2);
}

static void limit_reached(struct conf *c)
{
	limit(c, MS, "");
}

static void limit_not_reached(struct conf *c)
{
	limit(c, 1000 * 1000 * MS, "abc");
}

static void limit_cancelled(struct conf *c)
{
	struct __kernel_timespec ts = after(20 * MS);
	int p[2];

	if (!has_room(c, 3))
		return;
	make_pipe(c, p);
	ADD(c, 1, read, p[0], c->buf, 3, 0)->flags = IOSQE_IO_LINK;
	ADD(c, 2, link_timeout, &ts, 0)->flags = IOSQE_IO_LINK;
	add_nop(c, 3);
	ADD(c, 4, cancel64, 2, 0);
	wait_for_limited(c, 4);
}

static void limit_of_nothing(struct conf *c)
{
	struct __kernel_timespec ts = after(MS);

	ADD(c, 1, link_timeout, &ts, 0);
	wait_for(c, 1);
}

/* --- MSG_RING -------------------------------------------------------------------------------- */

static void message(struct conf *c)
{
	ADD(c, 1, msg_ring, c->ring.uring.ring_fd, 42, MESSAGE, 0);
	wait_for(c, 2);
}

static void message_to_another(struct conf *c)
{
	static struct conf to;
	struct ring_options o = { .sq_entries = 8 };

	to = (struct conf){ .kernel = c->kernel, .in_sim = c->in_sim };
	if (needs(c, rondo__ring_open(&to.ring, c->kernel, &o, conf_complete, &to)) < 0)
		return;
	ADD(c, 1, msg_ring, to.ring.uring.ring_fd, 7, MESSAGE, 0);
	wait_for(c, 1);
	if (c->lines[0].value == 0)
		CONF_AWAIT(&to, to.n_cqes);
	say(c, 10, to.n_cqes && to.lines[0].id == MESSAGE ? to.lines[0].value : -1000);
	rondo__ring_close(&to.ring);
}

static void message_to_a_pipe(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, msg_ring, p[0], 42, MESSAGE, 0);
	wait_for(c, 1);
}

static void message_to_nobody(struct conf *c)
{
	ADD(c, 1, msg_ring, -1, 42, MESSAGE, 0);
	wait_for(c, 1);
}

static void message_of_unknown_kind(struct conf *c)
{
	ADD(c, 1, msg_ring, c->ring.uring.ring_fd, 42, MESSAGE, 0)->addr = 9;
	wait_for(c, 1);
}

/* --- the queues ------------------------------------------------------------------------------ */

static void overflow(struct conf *c)
{
	for (unsigned i = 1; i <= 12; i++) {
		add_nop(c, i);
		submit(c);		/* though nobody takes a CQE before the end */
	}
	wait_for(c, 12);
}

/* Is a CQE kept back, because the CQ is full? */
static bool has_overflown(struct conf *c)
{
	return *(volatile unsigned *)c->ring.uring.sq.kflags & IORING_SQ_CQ_OVERFLOW;
}

static void overflow_ends_a_multishot(struct conf *c)
{
	struct __kernel_timespec ts = after(MS);

	ADD(c, 1, timeout, &ts, 0, TIMEOUT_MULTISHOT);
	for (unsigned i = 0; i < 1000 && !has_overflown(c); i++) {
		BUG_ON(rondo__ring_enter(&c->ring, 0, 0) < 0);
		if (c->in_sim)
			BUG_ON(rondo_sleep(0.001) < 0);
		else
			usleep(1000);
	}
	CONF_AWAIT(c, c->n_cqes && !(c->lines[c->n_lines - 1].flags & IORING_CQE_F_MORE));
}

/* A chain that is submitted in two parts (KN-9) is two chains; hence what "also" says of them. */
static const struct script ring_scripts[] = {
	SCRIPT(NOP, nop, .exact = "1=0"),
	SCRIPT(NOP, nop_in_worker, .exact = "1=0"),
	SCRIPT(NOP, nop_skipped, .exact = "2=0"),
	SCRIPT(READ, failure_not_skipped, .exact = "1=-EBADF"),
	SCRIPT(NOP, unknown_opcode, .exact = "1=-EINVAL 2=0"),
	SCRIPT(NOP, chain, .exact = "1=0 2=0 3=0", .in_order = true),
	SCRIPT(NOP, chain_unended, .exact = "1=0 2=0 3=0"),
	SCRIPT(NOP, chain_broken, .exact = "1=-EBADF 2=-ECANCELED 3=-ECANCELED",
	       .also = "1=-EBADF 2=0/-ECANCELED 3=0/-ECANCELED"),
	SCRIPT(NOP, chain_hard, .exact = "1=-EBADF 2=0 3=0"),
	SCRIPT(NOP, chain_broken_within, .exact = "1=0 2=-EBADF 3=-ECANCELED",
	       .also = "1=0 2=-EBADF 3=0"),
	SCRIPT(NOP, chain_with_a_bad_sqe, .exact = "1=-ECANCELED 2=-EINVAL 3=-ECANCELED",
	       .also = "1=0/-ECANCELED 2=-EINVAL 3=0/-ECANCELED"),
	SCRIPT(NOP, chain_short, .exact = "1=3 2=-ECANCELED", .also = "1=3 2=0"),
	SCRIPT(NOP, chain_cancelled, .exact = "1=-ECANCELED 2=-ECANCELED 3=0",
	       .also = "1=-ECANCELED 2=0 3=0"),
	SCRIPT(NOP, chain_cancelled_behind, .exact = "1=3 2=0 3=-ENOENT",
	       .also = "1=3 2=0/-ECANCELED 3=0"),
	SCRIPT(LINK_TIMEOUT, limit_reached, .exact = "1=-ECANCELED 2=-ETIME",
	       .also = "2=-EINVAL"),
	SCRIPT(LINK_TIMEOUT, limit_not_reached, .exact = "1=3 2=-ECANCELED",
	       .also = "1=3? 2=-EINVAL"),
	SCRIPT(LINK_TIMEOUT, limit_cancelled,
	       .exact = "1=-ECANCELED 2=-ETIME 3=-ECANCELED 4=-ENOENT",
	       .also = "1=-ECANCELED 2=-ETIME 3=0 4=-ENOENT | 2=-EINVAL 3=any? 4=any?"),
	SCRIPT(LINK_TIMEOUT, limit_of_nothing, .exact = "1=-EINVAL"),
	SCRIPT(MSG_RING, message, .exact = "1=0 50=42"),
	SCRIPT(MSG_RING, message_to_another, .exact = "1=0 10=7"),
	SCRIPT(MSG_RING, message_to_a_pipe, .exact = "1=-EBADFD"),
	SCRIPT(MSG_RING, message_to_nobody, .exact = "1=-EBADF"),
	SCRIPT(MSG_RING, message_of_unknown_kind, .exact = "1=-EINVAL"),
	SCRIPT(NOP, overflow, .exact = "1=0 2=0 3=0 4=0 5=0 6=0 7=0 8=0 9=0 10=0 11=0 12=0",
	       .entries = 4),
	SCRIPT(TIMEOUT, overflow_ends_a_multishot,
	       .exact = "1=-ETIME+more 1=-ETIME+more 1=-ETIME+more 1=-ETIME+more 1=-ETIME",
	       .also = "1=-ETIME+more* 1=-ETIME | 1=-EINVAL", .entries = 4),
};
#endif
