/* SPDX-License-Identifier: MIT */
/* reader.h - what reader.c does for until.c. Layer 7. */
#ifndef RONDO_STREAM_READER_H
#define RONDO_STREAM_READER_H

#include "stream/stream.h"

/* What each call that reads begins with. Returns 0 or an error. */
int rondo__stream_begin_read(struct rondo_stream *s);
/* Wait for more bytes; whoever has more than enough unread must not. Returns how many came, 0 at the
 * end, or an error. */
ssize_t rondo__stream_fill(struct rondo_stream *s, size_t enough);
/* Take n unread bytes and lend them. Returns n or -ENOMEM. */
ssize_t rondo__stream_lend_first(struct rondo_stream *s, size_t n, const char **data);
#endif
