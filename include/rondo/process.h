/* SPDX-License-Identifier: MIT */
/* process.h - waiting for child processes, without SIGCHLD. */
#ifndef RONDO_PROCESS_H
#define RONDO_PROCESS_H

#include <signal.h>
#include <sys/wait.h>

#include "rondo/base.h"

RONDO_BEGIN_DECLS

/* siginfo_t and idtype_t are POSIX's: under -std=c11 alone there is neither. */
#ifdef _POSIX_C_SOURCE

/* Wait for a child to change state: waitid(2), with its P_*, WEXITED, WSTOPPED, WNOHANG... Only the
 * task waits, and it reaps just the child it names, so libraries that have children of their own
 * are not disturbed.
 *
 * Owns:    *info, if info is not NULL, receives what became of the child; untouched on failure. All
 *          zero after WNOHANG means that no child has changed.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, no child was reaped; 0 if one was, and the cancel stays.
 * Returns: 0, -ECHILD, -EINVAL; -EOPNOTSUPP on older kernels, for what they cannot wait for.
 * Kernel:  6.7. Before that a pidfd (5.3): P_PID and P_PIDFD with WEXITED, or anything with
 *          WNOHANG. */
RONDO_API RONDO_MUST_CHECK int rondo_waitid(idtype_t type, id_t id, siginfo_t *info, int options);

#endif

RONDO_END_DECLS
#endif
