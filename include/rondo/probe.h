/* SPDX-License-Identifier: MIT */
/* probe.h - what this kernel offers, what the library makes of it, and why a ring was refused. */
#ifndef RONDO_PROBE_H
#define RONDO_PROBE_H

#include "rondo/base.h"

RONDO_BEGIN_DECLS

enum rondo_probe_state {
	RONDO_PROBE_ABSENT,		/* the kernel does not know it */
	RONDO_PROBE_PRESENT,		/* there, and not used */
	RONDO_PROBE_USED,		/* there, and used */
	RONDO_PROBE_REFUSED,		/* there, and denied to this process */
	RONDO_PROBE_VALUE		/* not a capability: see value */
};

/* One fact. No string is ever NULL; all are valid during the call that hands them out. */
struct rondo_probe_item {
	const char *group;		/* "kernel", "limits", "setup flag", "enter flag",
					 * "feature", "opcode", "register" or "fallback", in this
					 * order */
	const char *name;		/* unique within its group */
	enum rondo_probe_state state;
	const char *value;		/* a limit's value; what serves in a capability's place */
	const char *why;		/* why it is absent, refused or not used */
};

typedef void rondo_probe_fn(void *ctx, const struct rondo_probe_item *item);

/* Look at the kernel and call item(ctx, &fact) for each fact, always in the same order. Everything
 * is found by asking or trying, nothing by the kernel's version. A "fallback" that is
 * RONDO_PROBE_USED is not needed, for the best way is in force; otherwise `value` names what is
 * done instead.
 *
 * Owns:    items are the library's; copy what is to be kept.
 * Awaits:  no. It may take a millisecond, and opens and closes rings of its own.
 * Returns: 0; if no ring can be made the error, after the groups "kernel" and "limits" alone
 *          (rondo_probe_explain() turns it into words). */
RONDO_API int rondo_probe(rondo_probe_fn *item, void *ctx);

/* Explain in one line why no ring could be made: the cause and the remedy. Looks at the process and
 * the system as they are now, so call it right after the refusal.
 *
 * Owns:    why is the caller's; what does not fit in size bytes is cut, and a NUL is always there.
 * Awaits:  no.
 * Returns: the length of the whole line, like snprintf(). */
RONDO_API int rondo_probe_explain(int error, char *why, size_t size);

RONDO_END_DECLS
#endif
