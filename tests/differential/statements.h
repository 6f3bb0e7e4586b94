/* SPDX-License-Identifier: MIT */
/* statements.h - the statements that statements_tasks.c has, for the table in statements.c. */
#ifndef RONDO_TESTS_STATEMENTS_H
#define RONDO_TESTS_STATEMENTS_H

#include "machine.h"

statement do_create, do_eager, do_cancel, do_uncancel, do_state;
statement do_sleep, do_await, do_shield, do_wait_task, do_gather, do_wait, do_each;
statement do_timeout, do_reschedule, do_wait_for, do_finally, do_do, do_raise, do_return;
statement do_group, do_spawn;
statement do_future_await, do_future_shield, do_future_set, do_future_fail, do_future_cancel;
statement do_future_state, do_callback, do_future_callback, do_uncallback;
statement do_call_soon, do_call_later, do_cancel_later, do_uncall;
#endif
