/* SPDX-License-Identifier: MIT */
/* time.h - the loop's clock and sleeping. Seconds are doubles, as in asyncio; nanoseconds are
 * CLOCK_MONOTONIC, which no change of the wall clock moves. */
#ifndef RONDO_TIME_H
#define RONDO_TIME_H

#include "rondo/base.h"

RONDO_BEGIN_DECLS

/* Read the clock that all deadlines are measured on (asyncio's loop.time(), in nanoseconds).
 *
 * Awaits:  no.
 * Returns: nanoseconds of CLOCK_MONOTONIC. */
RONDO_API uint64_t rondo_now_ns(void);

/* Read the same clock in seconds: asyncio's loop.time().
 *
 * Awaits:  no.
 * Returns: seconds since an arbitrary start. */
RONDO_API double rondo_now(void);

/* Sleep for at least `seconds`; other tasks run meanwhile. Zero or less is rondo_yield().
 *
 * Awaits:  yes.
 * Cancel:  -ECANCELED, at once; the timer is removed.
 * Returns: 0, -ECANCELED, -EINVAL (not a number), -ENOMEM.
 * Kernel:  5.4. Sleepers share one kernel timeout, the earliest (see rondo_options.timers). */
RONDO_API RONDO_MUST_CHECK int rondo_sleep(double seconds);

/* Sleep for at least delay_ns nanoseconds.
 *
 * Awaits:  yes.
 * Cancel:  -ECANCELED, at once.
 * Returns: 0, -ECANCELED, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_sleep_ns(uint64_t delay_ns);

/* Sleep until rondo_now_ns() has reached deadline_ns; a past deadline is rondo_yield().
 *
 * Awaits:  yes.
 * Cancel:  -ECANCELED, at once.
 * Returns: 0, -ECANCELED, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_sleep_until(uint64_t deadline_ns);

/* Let every other ready task run once before going on: asyncio's sleep(0).
 *
 * Awaits:  yes, one turn of the loop.
 * Cancel:  -ECANCELED.
 * Returns: 0, -ECANCELED. */
RONDO_API RONDO_MUST_CHECK int rondo_yield(void);

/* Count as one await that need not wait: for loops over what never waits, such as _nowait verbs. Lets
 * others run if the task has used up rondo_options.await_budget, else does nothing.
 *
 * Awaits:  one turn of the loop, if the budget is used up.
 * Cancel:  -ECANCELED, if the budget is used up.
 * Returns: 0, -ECANCELED. */
RONDO_API RONDO_MUST_CHECK int rondo_checkpoint(void);

RONDO_END_DECLS
#endif
