/* SPDX-License-Identifier: MIT */
/* timer.h - deadlines: a heap here, one timeout in the kernel. Layer 3.
 *
 * T1  A timer never fires early, and equal deadlines fire in the order they were set.
 * T2  The kernel's timeout is never later than the earliest deadline. It may be earlier, when that
 *     deadline was taken back: it then fires for nobody and is set again. */
#ifndef RONDO_LOOP_TIMER_H
#define RONDO_LOOP_TIMER_H

#include "loop/loop.h"

/* Call fire(t) once the clock has reached deadline_ns. Returns 0 or -ENOMEM. */
int rondo__timer_start(struct loop *l, struct timer *t, uint64_t deadline_ns);
/* Take it back; does nothing if it has fired. */
void rondo__timer_stop(struct loop *l, struct timer *t);

/* The clock plus a delay, never beyond what a deadline can hold (UINT64_MAX means never). */
uint64_t rondo__timer_after(uint64_t now_ns, uint64_t delay_ns);
/* Seconds in nanoseconds: 0 for what is less and for NaN, INT64_MAX for what is too much. */
uint64_t rondo__timer_ns(double seconds);
/* The clock plus a delay in seconds; seconds <= 0 is now. */
uint64_t rondo__timer_deadline(double seconds);

/* For the loop's turn. */
uint64_t rondo__timer_wait_until(struct loop *l);
bool rondo__timer_pending(const struct loop *l);
void rondo__timer_expire(struct loop *l);
void rondo__timer_complete(struct loop *l);
void rondo__timer_stop_all(struct loop *l);
#endif
