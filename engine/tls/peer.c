/* SPDX-License-Identifier: MIT */
/* peer.c - what was agreed on, and who the other side is. */
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"

static struct tls *tls_of(const rondo_stream *stream)
{
	return rondo_stream_self(stream, &rondo__tls_class);
}

const char *rondo_tls_alpn(const rondo_stream *stream)
{
	const struct tls *t = tls_of(stream);

	return t ? t->alpn : NULL;
}

const char *rondo_tls_version(const rondo_stream *stream)
{
	const struct tls *t = tls_of(stream);

	return t ? SSL_get_version(t->ssl) : NULL;
}

const char *rondo_tls_cipher(const rondo_stream *stream)
{
	const struct tls *t = tls_of(stream);

	return t ? SSL_get_cipher_name(t->ssl) : NULL;
}

const char *rondo_tls_server_name(const rondo_stream *stream)
{
	const struct tls *t = tls_of(stream);

	return t ? SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
}

bool rondo_tls_resumed(const rondo_stream *stream)
{
	const struct tls *t = tls_of(stream);

	return t && SSL_session_reused(t->ssl);
}

struct ssl_st *rondo_tls_native(const rondo_stream *stream)
{
	const struct tls *t = tls_of(stream);

	return t ? t->ssl : NULL;
}

/* The memory BIO's bytes as a string. */
static int copy_text(BIO *bio, char *buf, size_t size)
{
	const char *text;
	long n = BIO_get_mem_data(bio, &text);

	if (size == 0)
		return 0;
	if ((size_t)n >= size)
		n = (long)size - 1;
	memcpy(buf, text, (size_t)n);
	buf[n] = '\0';
	return (int)n;
}

int rondo_tls_peer_subject(const rondo_stream *stream, char *buf, size_t size)
{
	struct tls *t = tls_of(stream);
	X509 *peer = t ? SSL_get0_peer_certificate(t->ssl) : NULL;
	int ret = -ENOMEM;
	BIO *bio;

	if (!peer)
		return t ? -ENODATA : -EINVAL;
	bio = BIO_new(BIO_s_mem());
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(peer), 0, XN_FLAG_RFC2253) >= 0)
		ret = copy_text(bio, buf, size);
	BIO_free(bio);
	return ret;
}

ssize_t rondo_tls_peer_certificate(const rondo_stream *stream, char **pem)
{
	struct tls *t = tls_of(stream);
	X509 *peer = t ? SSL_get0_peer_certificate(t->ssl) : NULL;
	ssize_t ret = -ENOMEM;
	char *copy, *text;
	BIO *bio;
	long n;

	if (!peer)
		return t ? -ENODATA : -EINVAL;
	bio = BIO_new(BIO_s_mem());
	if (bio && PEM_write_bio_X509(bio, peer)) {
		n = BIO_get_mem_data(bio, &text);
		copy = strndup(text, (size_t)n);
		if (copy) {
			*pem = copy;
			ret = n;
		}
	}
	BIO_free(bio);
	return ret;
}
