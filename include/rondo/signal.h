/* SPDX-License-Identifier: MIT */
/* signal.h - the process's signals, awaited.
 *
 *     rondo_signal *signals;
 *     int ret = rondo_signal_open_one(SIGTERM, &signals);
 *
 *     if (ret == 0)
 *             ret = rondo_signal_next(signals, NULL);         SIGTERM, when it comes
 *
 * N1  Every receiver of a signal gets it, in whichever thread the kernel delivered it. Of a standard
 *     signal that comes again before the first was delivered, the kernel keeps one, as ever.
 * N2  What is changed in the process - the signal's disposition, and the opening thread's mask if it
 *     was blocked there - is put back by the last receiver to close, and at the latest when its loop
 *     ends, unless the program has changed it itself meanwhile.
 * N3  Programs that are exec'ed see nothing of it; a child of fork() that does not exec keeps its
 *     signals to itself, and they do what they did before.
 *
 * There is a handler behind it and not a signalfd(2): that needs the signal blocked in all threads,
 * those of libraries included, and then in everything that is exec'ed; and of several readers one
 * gets the signal. */
#ifndef RONDO_SIGNAL_H
#define RONDO_SIGNAL_H

#include <signal.h>

#include "rondo/base.h"

RONDO_BEGIN_DECLS

typedef struct rondo_signal rondo_signal;

/* Begin to receive one signal. While it is received it does nothing else: SIGTERM does not kill, and ^C
 * (SIGINT) no longer cancels the first task.
 *
 * Owns:    *receiver is the caller's, to be closed by rondo_signal_close(); untouched on failure. It
 *          belongs to this loop.
 * Awaits:  no. Only from a task.
 * Returns: 0; -EINVAL for SIGKILL, SIGSTOP, what is no signal, and those that a thread causes by an
 *          error of its own (SIGSEGV, SIGBUS, SIGFPE, SIGILL); -EMFILE, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_signal_open_one(int signal, rondo_signal **receiver);

/* Call call(arg) whenever the signal comes: add_signal_handler(). Replaces the handler that this loop has
 * for it. The call is made in a task of the loop's, for one signal after the other, so it may
 * await; the loop's end removes it.
 *
 * Owns:    arg must live until the handler is removed or replaced.
 * Awaits:  no. Only from a task.
 * Returns: as rondo_signal_open_one(). */
RONDO_API RONDO_MUST_CHECK int rondo_add_signal_handler(int signal, void (*call)(void *arg),
							void *arg);

/* Take a handler back: remove_signal_handler(). The signal does what it did before.
 *
 * Awaits:  no. Only from a task.
 * Returns: 1, or 0 if there was none. */
RONDO_API int rondo_remove_signal_handler(int signal);

/* Stop receiving. Tasks that wait for this receiver return -EBADF.
 *
 * Owns:    uses up receiver; NULL is ignored.
 * Awaits:  yes.
 * Cancel:  waits for the next await.
 * Returns: 0. */
RONDO_API int rondo_signal_close(rondo_signal *receiver);

/* sigset_t and siginfo_t are POSIX's: under -std=c11 alone there is neither. */
#ifdef _POSIX_C_SOURCE

/* Begin to receive all signals of a set; else as rondo_signal_open_one().
 *
 * Owns:    as rondo_signal_open_one(); set is copied.
 * Awaits:  no. Only from a task.
 * Returns: as rondo_signal_open_one(); -EINVAL for an empty set, too. */
RONDO_API RONDO_MUST_CHECK int rondo_signal_open(const sigset_t *set, rondo_signal **receiver);

/* Wait for the next signal. They come in the order of delivery. A receiver that is not asked keeps 512;
 * of more, it keeps one of each number, without its siginfo.
 *
 * Owns:    *info, if info is not NULL, is written on success.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, no signal was taken.
 * Returns: the signal's number; -EBADF if the receiver is closed meanwhile. */
RONDO_API RONDO_MUST_CHECK int rondo_signal_next(rondo_signal *receiver, siginfo_t *info);

#endif

RONDO_END_DECLS
#endif
