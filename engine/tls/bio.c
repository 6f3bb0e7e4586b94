/* SPDX-License-Identifier: MIT */
/* bio.c - where OpenSSL reads and writes. As its own memory BIO, but it reads in place what the
 * stream below has lent, and its memory stays when it is empty. */
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"

static int bio_read(BIO *bio, char *buf, size_t len, size_t *n_read)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (t->n_in == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	if (len > t->n_in)
		len = t->n_in;
	memcpy(buf, t->in, len);
	t->in += len;
	t->n_in -= len;
	*n_read = len;
	return 1;
}

/* Doubles, so that after the first records there is nothing to allocate any more. */
static bool make_room(struct tls_buffer *b, size_t len)
{
	size_t size = b->size ? b->size : 4096;
	char *data;

	while (size - b->end < len)
		size *= 2;
	if (size == b->size)
		return true;
	data = realloc(b->data, size);
	if (!data)
		return false;
	b->data = data;
	b->size = size;
	return true;
}

static int bio_write(BIO *bio, const char *buf, size_t len, size_t *n_written)
{
	struct tls *t = BIO_get_data(bio);

	if (!make_room(&t->out, len)) {
		t->no_memory = true;
		return 0;
	}
	memcpy(t->out.data + t->out.end, buf, len);
	t->out.end += len;
	*n_written = len;
	return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;
static int bio_type;

static void make_method(void)
{
	BIO_METHOD *m;

	bio_type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;
	m = BIO_meth_new(bio_type, "rondo stream");
	if (m && BIO_meth_set_read_ex(m, bio_read) && BIO_meth_set_write_ex(m, bio_write) &&
	    BIO_meth_set_ctrl(m, bio_control))
		bio_method = m;
	else
		BIO_meth_free(m);
}

struct tls *rondo__tls_of(const SSL *ssl)
{
	BIO *bio = SSL_get_rbio(ssl);

	return bio && BIO_method_type(bio) == bio_type ? BIO_get_data(bio) : NULL;
}

BIO *rondo__tls_bio_new(struct tls *t)
{
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	BIO *bio;

	if (!CRYPTO_THREAD_run_once(&once, make_method) || !bio_method)
		return NULL;
	bio = BIO_new(bio_method);
	if (!bio)
		return NULL;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	return bio;
}
