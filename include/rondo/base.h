/* SPDX-License-Identifier: MIT */
/* base.h - what every public header shares: attributes, version, error codes. */
#ifndef RONDO_BASE_H
#define RONDO_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RONDO_VERSION_MAJOR 0
#define RONDO_VERSION_MINOR 1
#define RONDO_VERSION_PATCH 0
#define RONDO_VERSION "0.1.0"

#define RONDO_API __attribute__((visibility("default")))
#define RONDO_MUST_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
#define RONDO_BEGIN_DECLS extern "C" {
#define RONDO_END_DECLS }
#else
#define RONDO_BEGIN_DECLS
#define RONDO_END_DECLS
#endif

RONDO_BEGIN_DECLS

/* What errno lacks. Functions return these negated, like errno values; they start above 4095, the
 * last number the kernel may use for an error, so the two can never meet. */
enum rondo_error {
	RONDO_EINCOMPLETE = 4096,	/* the peer or file ended before everything was read */
	RONDO_ELIMIT,			/* a separator was not found within the limit */
	RONDO_EQSHUTDOWN,		/* the queue was shut down */
	RONDO_EGROUP,			/* one or more children of a task group failed */
	RONDO_EWRONGLOOP,		/* the object belongs to another thread's loop */
	RONDO_ENOTFOUND,		/* no such host or service */
	RONDO_EDNS,			/* the name servers did not answer, or failed */
	RONDO_ETRUNCATED,		/* a datagram was longer than the buffer; the rest is gone */
	RONDO_EEND			/* a generator has no more values */
};

/* Describe an error as returned by any rondo function (negative or positive).
 *
 * Owns:    the string is static; do not free it.
 * Awaits:  no.
 * Returns: a short English phrase, never NULL. */
RONDO_API const char *rondo_strerror(int error);

/* Tell the version of the library at run time; RONDO_VERSION is the one compiled against.
 *
 * Awaits:  no.
 * Returns: a static string, "major.minor.patch". */
RONDO_API const char *rondo_version(void);

RONDO_END_DECLS
#endif
