/* SPDX-License-Identifier: MIT */
/* bench_tls.h - the yardstick of the TLS echo: what one writes by hand with epoll and OpenSSL. */
#ifndef RONDO_TOOLS_TLS_BENCH_TLS_H
#define RONDO_TOOLS_TLS_BENCH_TLS_H

#include <openssl/ssl.h>

enum { ECHO_BUFFER_BYTES = 16384 };

/* Serve a listening socket until killed. ctx is an SSL_CTX; for bench_fork_server(). */
int epoll_tls_serve(int listen_fd, void *ctx);

#endif
