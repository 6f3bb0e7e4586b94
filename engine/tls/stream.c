/* SPDX-License-Identifier: MIT */
/* stream.c - rows H1, H2, X12 and X15: rondo_start_tls(), and the class of stream that it makes. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"

static const struct rondo_tls_options defaults;

static void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	rondo__tls_sessions_drop(t->sessions);
	free(t->host);
	free(t->out.data);
	free(t->wire.data);
	free(t->alpn);
	free(t);
}

/* --- the class ------------------------------------------------------------------------------- */

static ssize_t tls_read(void *self, void *buf, size_t len)
{
	return rondo__tls_read(self, buf, len);
}

static int tls_write(void *self, const struct iovec *iov, size_t n_iov, size_t *n_written)
{
	return rondo__tls_write(self, iov, n_iov, n_written);
}

/* X12: asyncio's TLS cannot do that. The stream below stays open for what TLS itself has to say. */
static int tls_shutdown_write(void *self)
{
	struct tls *t = self;
	int ret;

	t->n_sending++;
	ret = rondo__tls_say_goodbye(t);
	t->n_sending--;
	return ret;
}

static int tls_fd(const void *self)
{
	const struct tls *t = self;

	return rondo_stream_fd(t->below);
}

/* False if its limit cannot be set. One that has passed already was set before. */
static bool tell_reader(struct tls *t)
{
	return !t->reading || rondo_timeout_expired(t->reading) ||
	       rondo_timeout_reschedule(t->reading, 0) == 0;
}

/* A reader leaves what is below as it is, so that close can still say goodbye. If somebody sends
 * here, that is not to be: the peer may never take it. */
static void tls_interrupt(void *self)
{
	struct tls *t = self;

	if (t->n_sending || !tell_reader(t))
		rondo_stream_interrupt(t->below);
}

/* In its last moments nothing else may come in between. */
static void end_speaker(struct tls *t)
{
	struct rondo_mask mask;

	if (!t->speaker)
		return;
	rondo_mask_begin(&mask);
	rondo_cancel(t->speaker);
	(void)rondo_await(t->speaker);
	rondo_mask_end(&mask);
}

/* H2: both sides say close_notify, as asyncio does it. For peers that wait for the connection's end
 * instead, ours goes with it. */
static int part(struct tls *t)
{
	int ret = rondo__tls_say_goodbye(t);

	if (ret < 0)
		return ret;
	ret = rondo_stream_shutdown_write(t->below);
	return ret == -ECANCELED ? ret : rondo__tls_await_goodbye(t);
}

static int part_in_time(struct tls *t)
{
	struct rondo_timeout limit;
	int ret = rondo_timeout_begin(&limit, t->shutdown_timeout);

	return ret < 0 ? ret : rondo_timeout_end(&limit, part(t));
}

static int tls_close(void *self, bool abort)
{
	struct tls *t = self;
	int ret = 0;

	if (t->read_error == -EPROTO)
		rondo__tls_forget_session(t);
	abort |= t->torn;
	if (!abort)
		ret = t->write_error ? t->write_error : part_in_time(t);
	end_speaker(t);
	if (abort || ret < 0)
		rondo_stream_abort(t->below);
	else
		ret = rondo_stream_close(t->below);
	tls_free(t);
	return ret;
}

const struct rondo_stream_class rondo__tls_class = {
	.name = "TLS", .read = tls_read, .write = tls_write, .close = tls_close,
	.shutdown_write = tls_shutdown_write, .interrupt = tls_interrupt, .fd = tls_fd,
};

/* --- making one ------------------------------------------------------------------------------ */

static bool is_address(const char *host)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, host, &addr) == 1 || inet_pton(AF_INET6, host, &addr) == 1;
}

/* Whom to ask for (SNI, which has no addresses), and who must answer. */
static bool set_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (!host || !host[0])
		return true;
	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(param, host);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) && SSL_set_tlsext_host_name(ssl, host);
}

/* A final dot, which says that a name is complete, is in no certificate. */
static bool set_host_without_dot(SSL *ssl, const char *host)
{
	char copy[256];
	size_t n = host ? strlen(host) : 0;

	if (n < 2 || n > sizeof(copy) || host[n - 1] != '.')
		return set_host(ssl, host);
	memcpy(copy, host, n - 1);
	copy[n - 1] = '\0';
	return set_host(ssl, copy);
}

static int set_up(struct tls *t, rondo_tls_context *context, const struct rondo_tls_options *o)
{
	BIO *bio;

	ERR_clear_error();
	t->ssl = SSL_new(context->ssl_ctx);
	bio = t->ssl ? rondo__tls_bio_new(t) : NULL;
	if (!bio)
		return rondo__tls_fail(t->why, -ENOMEM, "out of memory");
	SSL_set_bio(t->ssl, bio, bio);
	if (context->options.is_server)
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	if (!context->options.is_server && !set_host_without_dot(t->ssl, o->server_hostname))
		return rondo__tls_error_take(t->why);
	if (rondo__tls_resume(t, context->sessions, o->server_hostname) < 0)
		return rondo__tls_fail(t->why, -ENOMEM, "out of memory");
	return 0;
}

static int shake_hands(struct tls *t, double timeout)
{
	struct rondo_timeout limit;
	int ret = rondo_timeout_begin(&limit, timeout);

	if (ret < 0)
		return rondo__tls_fail(t->why, ret, rondo_strerror(ret));
	ret = rondo_timeout_end(&limit, rondo__tls_handshake(t));
	if (ret < 0 && !t->why[0])
		rondo__tls_fail(t->why, ret, ret == -ETIMEDOUT ? "the handshake took too long" :
						    rondo_strerror(ret));
	return ret;
}

static int keep_alpn(struct tls *t)
{
	const unsigned char *name;
	unsigned n;

	SSL_get0_alpn_selected(t->ssl, &name, &n);
	if (!name)
		return 0;
	t->alpn = strndup((const char *)name, n);
	return t->alpn ? 0 : rondo__tls_fail(t->why, -ENOMEM, "out of memory");
}

/* X15: what may not be, before anything is done. */
static int refusal(rondo_stream *plain, const rondo_tls_context *context,
		   const struct rondo_tls_options *o, char *why)
{
	if (context->options.is_server)
		return 0;
	if (!o->server_hostname && context->options.verify != RONDO_TLS_VERIFY_NONE)
		return rondo__tls_fail(why, -EINVAL, "no server_hostname to verify");
	if (rondo_stream_buffered(plain) > 0)
		return rondo__tls_fail(why, -EPROTO, "bytes from before the handshake");
	return 0;
}

static int encrypt(rondo_stream *plain, rondo_tls_context *context,
		   const struct rondo_tls_options *o, rondo_stream **encrypted)
{
	double timeout = o->handshake_timeout;
	struct tls *t = calloc(1, sizeof(*t));
	int ret;

	if (!t)
		return rondo__tls_fail(rondo__tls_last_why(), -ENOMEM, "out of memory");
	t->below = plain;
	t->sending = (struct rondo_lock)RONDO_LOCK_INIT;
	t->shutdown_timeout = o->shutdown_timeout;
	if (t->shutdown_timeout == 0)
		t->shutdown_timeout = context->options.shutdown_timeout;
	ret = set_up(t, context, o);
	if (ret == 0)
		ret = shake_hands(t, timeout == 0 ? context->options.handshake_timeout : timeout);
	if (ret == 0) {
		rondo__tls_resumed(t);
		ret = keep_alpn(t);
	}
	if (ret == 0) {
		ret = rondo_stream_new(&rondo__tls_class, t, o->stream, encrypted);
		if (ret < 0)
			rondo__tls_fail(t->why, ret, rondo_strerror(ret));
	}
	if (ret < 0) {
		memcpy(rondo__tls_last_why(), t->why, TLS_WHY_BYTES);
		tls_free(t);
	}
	return ret;
}

int rondo_start_tls(rondo_stream **stream, rondo_tls_context *context,
		    const struct rondo_tls_options *options)
{
	const struct rondo_tls_options *o = options ? options : &defaults;
	char *why = rondo__tls_last_why();
	int ret = refusal(*stream, context, o, why);

	if (ret == 0) {
		ret = rondo_stream_flush(*stream);
		if (ret < 0)
			rondo__tls_fail(why, ret, rondo_strerror(ret));
	}
	if (ret == 0)
		ret = encrypt(*stream, context, o, stream);
	if (ret < 0 && context->options.on_failure)
		context->options.on_failure(ret, why, context->options.arg);
	return ret;
}

static int wrap(rondo_stream **stream, bool is_server, const char *host, void *arg)
{
	const struct rondo_tls_options options = { .server_hostname = host };
	rondo_tls_context *context = arg;

	if (context->options.is_server != is_server)
		return rondo__tls_fail(rondo__tls_last_why(), -EINVAL,
				       is_server ? "a client's context in a server" :
						   "a server's context in a client");
	return rondo_start_tls(stream, context, &options);
}

struct rondo_stream_wrapper rondo_tls_wrapper(rondo_tls_context *context)
{
	return (struct rondo_stream_wrapper){ .wrap = wrap, .arg = context };
}
