/* SPDX-License-Identifier: MIT */
/* error.c - names for error codes, and the version. */
#include <string.h>

#include "rondo/base.h"

static const char *const own_errors[] = {
	[RONDO_EINCOMPLETE - RONDO_EINCOMPLETE] = "Ended before everything was read",
	[RONDO_ELIMIT - RONDO_EINCOMPLETE] = "Separator not found within the limit",
	[RONDO_EQSHUTDOWN - RONDO_EINCOMPLETE] = "Queue was shut down",
	[RONDO_EGROUP - RONDO_EINCOMPLETE] = "Tasks of the group failed",
	[RONDO_EWRONGLOOP - RONDO_EINCOMPLETE] = "Object belongs to another loop",
	[RONDO_ENOTFOUND - RONDO_EINCOMPLETE] = "Host or service not found",
	[RONDO_EDNS - RONDO_EINCOMPLETE] = "Name servers failed to answer",
	[RONDO_ETRUNCATED - RONDO_EINCOMPLETE] = "Datagram was longer than the buffer",
	[RONDO_EEND - RONDO_EINCOMPLETE] = "Generator has no more values",
};

const char *rondo_strerror(int error)
{
	unsigned code = error < 0 ? 0u - (unsigned)error : (unsigned)error;
	unsigned own = code - RONDO_EINCOMPLETE;
	const char *text;

	if (own < sizeof(own_errors) / sizeof(own_errors[0]))
		return own_errors[own];
	text = strerror((int)code);
	return text ? text : "Unknown error";
}

const char *rondo_version(void)
{
	return RONDO_VERSION;
}
