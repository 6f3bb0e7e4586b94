/* SPDX-License-Identifier: MIT */
/* tls.h - one TLS connection over another stream. It stands above the engine: of ours it includes
 * public headers only, and it is the one place that includes OpenSSL's.
 *
 * context.c   what connections share: certificates, whom to believe, names
 * bio.c       where OpenSSL reads and writes: memory
 * session.c   OpenSSL's calls, and the way of the bytes to and from the stream below
 * stream.c    the class of stream that this is, and rondo_start_tls()
 * peer.c      who the other side is; error.c: what went wrong, in words
 * resume.c    what clients keep, so that their next connection begins faster
 *
 * The kernel's TLS is not used: it is for sockets alone, and this goes over any stream.
 *
 * X1  OpenSSL never waits. It reads what the stream below has lent, or is told to come again; it
 *     writes to `out`, which grows rather than refuse. So each of its calls is one step that no other
 *     task of the loop can interrupt, and one task may read while another writes without a lock
 *     around the SSL.
 * X2  Records leave in the order in which they were made: who sends has the lock `sending`, and
 *     nothing else is locked while the network is waited for.
 * X3  Reading never waits for writing: what a read has to say (an alert, the answer to a KeyUpdate)
 *     goes out with what others write or, if nobody does, by a task of its own. Else two peers whose
 *     buffers are full would wait for each other. Only who makes us say very much is held back.
 * X4  A record is sent whole. A writer that is cancelled in the middle leaves the rest in `wire`,
 *     where the next one begins.
 * X5  What failed stays failed: read_error and write_error are told to whoever comes later. */
#ifndef RONDO_TLS_TLS_H
#define RONDO_TLS_TLS_H

#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>

#include "rondo_tls.h"

enum {
	TLS_RECORD_BYTES = 16384,	/* of plaintext in one record, at most */
	TLS_BATCH_BYTES = 65536,	/* of records, from where they are sent */
	TLS_KEEP_BYTES = 32768,		/* of each buffer, while nothing is sent */
	TLS_FLOOD_BYTES = 4096,		/* of what reads had to say and nobody took */
	TLS_WHY_BYTES = 160,
};

/* A stretch of bytes; `begin` of `end` are dealt with. */
struct tls_buffer {
	char *data;
	size_t begin, end, size;
};

struct tls {
	SSL *ssl;
	rondo_stream *below;
	const char *in;			/* lent by `below`, good until it is asked again */
	size_t n_in;			/* bytes there that OpenSSL did not read yet */
	struct tls_buffer out;		/* OpenSSL wrote this */
	struct tls_buffer wire;		/* and this is being sent */
	struct rondo_lock sending;
	rondo_task *speaker;		/* sends what a read had to say (X3); awaited at the end */
	struct rondo_timeout *reading;	/* around a task's wait for bytes; or NULL */
	unsigned n_sending;		/* tasks of the stream's that wait for the peer to take bytes */
	bool torn;			/* the last write wrote half: no good end follows */
	int read_error, write_error;	/* negative, or 0 (X5) */
	bool said_goodbye;		/* close_notify is in `out`, or gone */
	bool heard_goodbye;
	bool no_memory;			/* `out` could not grow */
	double shutdown_timeout;
	char *alpn;
	struct tls_sessions *sessions;	/* the context's, held; NULL: none is kept of this one */
	char *host;			/* with port: of which server */
	in_port_t port;
	uint64_t begun_ns, resumed_ns;	/* now; when the session offered was verified */
	char why[TLS_WHY_BYTES];
};

struct tls_name {
	struct tls_name *next;
	SSL_CTX *ssl_ctx;
	char name[];
};

struct rondo_tls_context {
	SSL_CTX *ssl_ctx;
	struct tls_name *names;
	unsigned char *alpn;		/* as in the protocol: lengths and names */
	unsigned n_alpn;
	struct tls_sessions *sessions;	/* of a client; or NULL */
	struct rondo_tls_context_options options;	/* strings in it are gone */
};

extern const struct rondo_stream_class rondo__tls_class;

/* error.c */
/* OpenSSL's errors of this thread as a number of ours, and as words in why. */
int rondo__tls_error_take(char why[TLS_WHY_BYTES]);
/* The same for a connection, and whether it is its certificate that we do not like. */
int rondo__tls_error_of(struct tls *t);
/* Note words of ours. */
int rondo__tls_fail(char why[TLS_WHY_BYTES], int error, const char *words);
/* What rondo_tls_error(NULL) says. */
char *rondo__tls_last_why(void);

/* bio.c */
BIO *rondo__tls_bio_new(struct tls *t);
/* Whose SSL is it? NULL: not one of ours. */
struct tls *rondo__tls_of(const SSL *ssl);

/* resume.c */
/* Have a client's context keep sessions: 0 or -ENOMEM. */
int rondo__tls_sessions_new(SSL_CTX *ctx, struct tls_sessions **sessions);
/* The context and each connection hold them. NULL is ignored. */
void rondo__tls_sessions_hold(struct tls_sessions *sessions);
void rondo__tls_sessions_drop(struct tls_sessions *sessions);
/* Before a handshake: offer the server what there is. 0 or -ENOMEM. */
int rondo__tls_resume(struct tls *t, struct tls_sessions *sessions, const char *host);
/* After it: what may be used again is kept again. */
void rondo__tls_resumed(struct tls *t);
/* This connection has failed. */
void rondo__tls_forget_session(const struct tls *t);

/* session.c */
int rondo__tls_handshake(struct tls *t);
ssize_t rondo__tls_read(struct tls *t, void *buf, size_t len);
int rondo__tls_write(struct tls *t, const struct iovec *iov, size_t n_iov, size_t *n_written);
int rondo__tls_say_goodbye(struct tls *t);
int rondo__tls_await_goodbye(struct tls *t);
int rondo__tls_send(struct tls *t);
#endif
