/* SPDX-License-Identifier: MIT */
/* echo.h - the echo server, for its command and for the benchmark that measures it. */
#ifndef RONDO_TOOLS_ECHO_H
#define RONDO_TOOLS_ECHO_H

#include <stdint.h>

/* Accept and echo until cancelled. An await. n_enters, if not NULL, is kept at the loop's count of
 * io_uring_enter calls. Returns a negative error. */
int echo_serve(int listen_fd, uint64_t *n_enters);
#endif
