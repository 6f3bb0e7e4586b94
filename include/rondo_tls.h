/* SPDX-License-Identifier: MIT */
/* rondo_tls.h - TLS over any stream: asyncio's ssl=, start_tls() and SSLContext, by OpenSSL.
 *
 *     rondo_tls_context *tls;
 *     rondo_stream *s;
 *
 *     rondo_tls_context_new(NULL, &tls);                                  a client's, at startup
 *     options = (struct rondo_connection_options){ .wrapper = rondo_tls_wrapper(tls) };
 *     rondo_open_connection("example.org", 443, &options, &s);            in a task
 *
 * The library is librondo_tls (pkg-config rondo_tls, cmake rondo::tls); rondo.h does not include this
 * header, and librondo itself knows nothing of OpenSSL.
 *
 * Verification is on: a client believes only who has a certificate for the name that it asked for,
 * from an authority that the system, or ca_file, knows. At least TLS 1.2; no renegotiation, no
 * compression.
 *
 * The encrypted stream is a rondo_stream like all: one task may read while another writes. Three
 * things are TLS's own:
 *
 * - Errors: -EKEYREJECTED if we do not accept the peer's certificate, -EPROTO if anything else is
 *   wrong with what it sent, or if it said that something is wrong with us. rondo_tls_error() has the
 *   reason in words. In TLS 1.3 a client's handshake is over before the server has looked at the
 *   client's certificate: a refusal is then the result of the client's first read.
 * - The end: a read returns 0 only if the peer said that it was done (close_notify). If the connection
 *   ends without that, somebody may have cut it: -ECONNRESET.
 * - Closing says close_notify and waits until the peer has said it too, or has closed; all that within
 *   shutdown_timeout. rondo_stream_shutdown_write() says it and goes on reading.
 *
 * A client's context keeps the newest session of each server, which is a name and a port, and the next
 * connection to it resumes that: no certificates are sent and verified, because who has the session's
 * secret is who was verified then. Two hours later that is done anew. A session comes with the
 * server's first bytes, is used by one connection (by one at a time, in TLS 1.2), and forgotten if
 * that fails; 64 servers are remembered. Nothing is ever sent before the handshake is over (no early
 * data). Servers give out two sessions, in tickets that only they can read. no_tickets turns it off: a
 * server can tell by its tickets that two connections are of one client, and a certificate that was
 * revoked is not asked for in those two hours.
 *
 * OpenSSL works on the task's stack. A handshake took 7.5 KiB of it here, whether P-256 or RSA 4096
 * and with certificates verified on both sides, a context 6 KiB: the 64 KiB that a task has by default
 * are plenty, and 32 KiB are enough. */
#ifndef RONDO_TLS_H
#define RONDO_TLS_H

#include <rondo.h>
#include <stdbool.h>

RONDO_BEGIN_DECLS

/* --- context --------------------------------------------------------------------------------- */

/* What connections share: asyncio's SSLContext. May be used by the loops of several threads. */
typedef struct rondo_tls_context rondo_tls_context;

enum rondo_tls_verify {
	RONDO_TLS_VERIFY_DEFAULT,	/* a client: REQUIRED; a server: NONE */
	RONDO_TLS_VERIFY_NONE,		/* take any certificate; a server asks for none */
	RONDO_TLS_VERIFY_OPTIONAL,	/* a server: ask; who has one must have a good one */
	RONDO_TLS_VERIFY_REQUIRED
};

enum rondo_tls_version { RONDO_TLS_1_2, RONDO_TLS_1_3 };

/* Zero is the default of each. Files are PEM. */
struct rondo_tls_context_options {
	bool is_server;
	enum rondo_tls_verify verify;
	enum rondo_tls_version min_version;
	const char *ca_file;		/* authorities to believe in; NULL: a client: the system's */
	const char *cert_file;		/* our certificate and those between it and an authority; a
					 * server needs one */
	const char *key_file;		/* NULL: it is in cert_file */
	const char *key_password;	/* NULL: it has none; nobody is asked for it */
	const char *const *alpn;	/* protocols, best first, NULL at the end; the server's order
					 * decides, and without a common one it refuses */
	const char *ciphers;		/* of TLS 1.2, in OpenSSL's words */
	const char *ciphersuites;	/* of TLS 1.3 */
	bool no_tickets;		/* no session resumption */
	double handshake_timeout;	/* seconds; 60 */
	double shutdown_timeout;	/* seconds; 30 */
	/* A server: which context a client shall have that asks for this name. Leave *context alone for
	 * this one; less than 0 refuses the client. Must not await. Certificates, ALPN, whether and how
	 * clients are verified, and no_tickets are that context's; versions and ciphers this one's.
	 * A client that is verified cannot resume the session of another name. */
	int (*on_server_name)(const char *name, rondo_tls_context **context, void *arg);
	/* Told of each handshake that failed: in a server there may be nobody else to tell. Must not
	 * await. */
	void (*on_failure)(int error, const char *why, void *arg);
	void *arg;			/* of both */
};

/* Create a context; NULL means a client with defaults.
 *
 * Owns:    options are copied, files are read now. Free it when it is used no more by wrappers and
 *          handshakes; encrypted streams do not need it.
 * Awaits:  no, though it reads files: for the start of a program.
 * Returns: 0; -ENOENT, -EACCES...: a file that cannot be read; -EINVAL: options or files that OpenSSL
 *          does not take (rondo_tls_error(NULL) says why); -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_tls_context_new(const struct rondo_tls_context_options *options,
						     rondo_tls_context **context);

/* Free a context; NULL is ignored.
 *
 * Awaits:  no. */
RONDO_API void rondo_tls_context_free(rondo_tls_context *context);

/* Have a server use another certificate for clients that ask for this name; "*.example.org" stands
 * for all names with one label more. The last one added that fits is taken.
 *
 * Owns:    name is copied, files are read now; key_file NULL: the key is in cert_file.
 * Awaits:  no, though it reads files. Not while the context is in use.
 * Returns: 0, or as rondo_tls_context_new(). */
RONDO_API RONDO_MUST_CHECK int rondo_tls_context_add_name(rondo_tls_context *context, const char *name,
							  const char *cert_file, const char *key_file);

/* Get OpenSSL's SSL_CTX, for what is not here.
 *
 * Owns:    borrowed.
 * Awaits:  no.
 * Returns: the SSL_CTX. */
RONDO_API struct ssl_ctx_st *rondo_tls_context_native(rondo_tls_context *context);

/* --- streams --------------------------------------------------------------------------------- */

/* Zero is the default of each. */
struct rondo_tls_options {
	/* A client: who the server must be; a name or an IP address. Needed, unless the context does
	 * not verify. "": anybody whose certificate an authority knows. */
	const char *server_hostname;
	double handshake_timeout;	/* seconds; the context's */
	double shutdown_timeout;	/* seconds; the context's */
	const struct rondo_stream_options *stream;	/* of the encrypted stream */
};

/* Encrypt a connected stream from here on: asyncio's start_tls(). Sends what its write buffer holds,
 * does the handshake as the context's side, and puts the encrypted stream in its place.
 *
 * Bytes that were received and not read yet: a server hands them to TLS, because they are the
 * client's first flight (gh-142352). A client refuses them with -EPROTO: whoever sits in between could have
 * put them there, for you to take them for the server's encrypted words (STARTTLS injection).
 *
 * Owns:    on success *stream is the encrypted stream, which owns the plain one. On failure it is
 *          still the plain one, good for nothing but being closed. In a server's handler,
 *          which closes the stream that it was called with, rondo_server_keep(*stream) must follow.
 * Awaits:  yes.
 * Cancel:  -ECANCELED.
 * Returns: 0; -EKEYREJECTED, -EPROTO (see the top); -ETIMEDOUT: no handshake in handshake_timeout;
 *          -ECONNRESET: the peer went away; -EINVAL: a client without server_hostname; -ENOMEM; errors
 *          of the plain stream. */
RONDO_API RONDO_MUST_CHECK int rondo_start_tls(rondo_stream **stream, rondo_tls_context *context,
					       const struct rondo_tls_options *options);

/* Make the wrapper that has connections or servers encrypted: asyncio's ssl=. A client verifies the
 * host that is connected to.
 *
 * Owns:    the context must outlive the wrapper's use.
 * Awaits:  no; what it does in the connecting task, or the handler's, is rondo_start_tls().
 * Returns: the wrapper. */
RONDO_API struct rondo_stream_wrapper rondo_tls_wrapper(rondo_tls_context *context);

/* Say in words why a TLS stream failed; for NULL or a plain stream, why this thread's last handshake or
 * context did. "certificate verify failed: hostname mismatch".
 *
 * Owns:    the string is the stream's, or good until the next failure.
 * Awaits:  no.
 * Returns: the text, "" if nothing failed. */
RONDO_API const char *rondo_tls_error(const rondo_stream *stream);

/* Tell which ALPN protocol was agreed on.
 *
 * Owns:    the string is the stream's.
 * Awaits:  no.
 * Returns: the name; NULL if there is none, or if it is no TLS stream. */
RONDO_API const char *rondo_tls_alpn(const rondo_stream *stream);

/* Tell the protocol's version, "TLSv1.3".
 *
 * Owns:    the string is static.
 * Awaits:  no.
 * Returns: the name; NULL if it is no TLS stream. */
RONDO_API const char *rondo_tls_version(const rondo_stream *stream);

/* Tell the cipher, "TLS_AES_256_GCM_SHA384".
 *
 * Owns:    the string is static.
 * Awaits:  no.
 * Returns: the name; NULL if it is no TLS stream. */
RONDO_API const char *rondo_tls_cipher(const rondo_stream *stream);

/* Tell the name that the client asked for (SNI).
 *
 * Owns:    the string is the stream's.
 * Awaits:  no.
 * Returns: the name; NULL if there is none, or if it is no TLS stream. */
RONDO_API const char *rondo_tls_server_name(const rondo_stream *stream);

/* Tell whether the connection resumed the session of an earlier one, whose certificates count.
 *
 * Awaits:  no.
 * Returns: that; false if it is no TLS stream. */
RONDO_API bool rondo_tls_resumed(const rondo_stream *stream);

/* Describe whom the peer's certificate is for, as "CN=example.org,O=Example".
 *
 * Owns:    writes a string of at most size bytes into buf.
 * Awaits:  no.
 * Returns: its length, which may have been cut to fit; -ENODATA: the peer showed no certificate;
 *          -EINVAL: no TLS stream. */
RONDO_API int rondo_tls_peer_subject(const rondo_stream *stream, char *buf, size_t size);

/* Get the peer's certificate as PEM.
 *
 * Owns:    *pem is the caller's, to be freed with free(); untouched on failure.
 * Awaits:  no.
 * Returns: its length; -ENODATA: the peer showed no certificate; -EINVAL: no TLS stream; -ENOMEM. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_tls_peer_certificate(const rondo_stream *stream, char **pem);

/* Get OpenSSL's SSL, for what is not here. Reading, writing and shutting down are not for you.
 *
 * Owns:    borrowed.
 * Awaits:  no.
 * Returns: the SSL; NULL if it is no TLS stream. */
RONDO_API struct ssl_st *rondo_tls_native(const rondo_stream *stream);

RONDO_END_DECLS
#endif
