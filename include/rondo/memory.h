/* SPDX-License-Identifier: MIT */
/* memory.h - waiting on memory shared with threads, and advice about memory. */
#ifndef RONDO_MEMORY_H
#define RONDO_MEMORY_H

#include "rondo/base.h"

RONDO_BEGIN_DECLS

/* Wait while *word equals expected, until woken: FUTEX_WAIT_PRIVATE, for the threads of one
 * process. This is how a task waits for a thread that knows nothing of rondo. As with every
 * futex, look at the word again afterwards: a wake may be meant for somebody else.
 *
 * Owns:    word must stay in place until this returns.
 * Awaits:  yes.
 * Cancel:  -ECANCELED; 0 if a wake was faster, and the cancel stays.
 * Returns: 0 (woken), -EAGAIN (*word was not expected), -EINVAL (word is not aligned), -EFAULT,
 *          -EOPNOTSUPP on older kernels: wait for an eventfd there, with rondo_read().
 * Kernel:  6.7. */
RONDO_API RONDO_MUST_CHECK int rondo_futex_wait(const uint32_t *word, uint32_t expected);

/* Wake up to n_waiters, tasks or threads, that wait on word. From threads use futex(2), or what
 * is built on it, with FUTEX_PRIVATE_FLAG.
 *
 * Awaits:  yes.
 * Cancel:  -ECANCELED, nobody was woken; or the number woken, and the cancel stays.
 * Returns: how many were woken, -EINVAL (word is not aligned, n_waiters is 0), -EOPNOTSUPP on older
 *          kernels.
 * Kernel:  6.7. */
RONDO_API RONDO_MUST_CHECK int rondo_futex_wake(const uint32_t *word, uint32_t n_waiters);

/* Say how a range of memory will be used: madvise(2). Reading in a large range happens in a kernel
 * thread instead of this one.
 *
 * Awaits:  yes.
 * Cancel:  -ECANCELED if it had not begun; else it completes, and the cancel stays.
 * Returns: 0, -EINVAL (address is not a page's, advice), -ENOMEM (nothing is mapped there),
 *          -EAGAIN.
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_madvise(void *address, size_t len, int advice);

RONDO_END_DECLS
#endif
