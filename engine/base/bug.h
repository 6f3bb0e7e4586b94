/* SPDX-License-Identifier: MIT */
/* bug.h - what happens when the program, or the engine, is wrong. Layer 0.
 *
 * A bad day outside (ENOSPC, ECONNRESET) is returned. A wrong program stops here, in release builds
 * too: one line on stderr and abort(), because going on would corrupt somebody's memory. */
#ifndef RONDO_BASE_BUG_H
#define RONDO_BASE_BUG_H

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

_Noreturn void rondo__bug(const char *file, int line, const char *what);

#define BUG(what) rondo__bug(__FILE__, __LINE__, what)
#define BUG_ON(condition)                                                                          \
	do {                                                                                       \
		if (unlikely(condition))                                                           \
			BUG(#condition);                                                           \
	} while (0)
#endif
