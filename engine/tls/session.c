/* SPDX-License-Identifier: MIT */
/* session.c - OpenSSL's calls, none of which waits (X1), and the way of the bytes to and from the
 * stream below, where all the waiting is. */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"

/* --- receiving ------------------------------------------------------------------------------- */

static int end_of_reading(struct tls *t, int error, const char *words)
{
	return t->read_error = rondo__tls_fail(t->why, error, words);
}

/* Wait below. A limit without end is what tls_interrupt() can bring to an end. */
static ssize_t lend(struct tls *t, const void **data)
{
	struct rondo_timeout limit;
	ssize_t n = rondo_timeout_begin_at(&limit, UINT64_MAX);

	if (n < 0)
		return n;
	t->reading = &limit;
	n = rondo_timeout_end(&limit, (int)rondo_stream_lend(t->below, data));
	t->reading = NULL;
	return n == -ETIMEDOUT && rondo_timeout_expired(&limit) ? -EBADF : n;
}

/* Get more bytes for OpenSSL. It has read all that was lent before. */
static int fetch(struct tls *t)
{
	const void *data;
	ssize_t n = lend(t, &data);

	if (n > 0) {
		t->in = data;
		t->n_in = (size_t)n;
		return 0;
	}
	if (n == -ECANCELED || n == -EBADF || n == -ENOMEM)	/* nothing is lost */
		return (int)n;
	if (n < 0)
		return end_of_reading(t, (int)n, rondo_strerror((int)n));
	return end_of_reading(t, -ECONNRESET, SSL_is_init_finished(t->ssl) ?
			      "the connection ended without close_notify" :
			      "the connection ended in the handshake");
}

/* What does it mean that SSL_read has no bytes? */
static int note_end(struct tls *t)
{
	switch (SSL_get_error(t->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		t->heard_goodbye = true;
		return 0;
	default:
		return t->read_error = rondo__tls_error_of(t);
	}
}

/* Bytes of all the records that are here; -EAGAIN if that is none. What OpenSSL tells after some
 * bytes it might not tell again, so it is noted. */
static ssize_t decrypt(struct tls *t, char *buf, size_t len)
{
	size_t n_read = 0, n;
	int end = -EAGAIN;

	ERR_clear_error();
	do {
		if (!SSL_read_ex(t->ssl, buf + n_read, len - n_read, &n)) {
			end = note_end(t);
			break;
		}
		n_read += n;
	} while (n_read < len && (t->n_in || SSL_pending(t->ssl)));
	return n_read ? (ssize_t)n_read : end;
}

/* --- sending --------------------------------------------------------------------------------- */

static bool is_empty(const struct tls_buffer *b)
{
	return b->begin == b->end;
}

/* With `sending` held: what is on the wire goes out. After a cancel the rest of it stays (X4). */
static int send_wire(struct tls *t)
{
	struct tls_buffer *w = &t->wire;
	struct iovec rest = { w->data + w->begin, w->end - w->begin };
	size_t n = 0;
	int ret = rondo_stream_write_counted(t->below, &rest, 1, &n);

	w->begin += n;
	if (ret == 0 && rondo_stream_unsent(t->below))
		ret = rondo_stream_flush(t->below);
	if (ret < 0 && ret != -ECANCELED)
		t->write_error = ret;
	return ret;
}

/* With `sending` held: everything that OpenSSL has written, also what it writes meanwhile (X2). */
static int send_all(struct tls *t)
{
	int ret = t->write_error;

	while (ret == 0 && !(is_empty(&t->wire) && is_empty(&t->out))) {
		if (is_empty(&t->wire)) {
			struct tls_buffer sent = t->wire;

			t->wire = t->out;
			t->out = sent;
			t->out.begin = t->out.end = 0;
		}
		ret = send_wire(t);
	}
	return ret;
}

int rondo__tls_send(struct tls *t)
{
	int ret = rondo_lock_acquire(&t->sending);

	if (ret < 0)
		return ret;
	ret = send_all(t);
	rondo_lock_release(&t->sending);
	return ret;
}

static int speak_up(void *arg)
{
	(void)rondo__tls_send(arg);	/* write_error tells the next who writes */
	return 0;
}

/* A KeyUpdate is owed. OpenSSL would send it when it next encrypts, which may be never. */
static void answer_key_update(struct tls *t)
{
	int type = SSL_get_key_update_type(t->ssl);

	if (type == SSL_KEY_UPDATE_NONE || t->said_goodbye)
		return;
	ERR_clear_error();
	if (SSL_key_update(t->ssl, type))
		(void)SSL_do_handshake(t->ssl);
}

/* After a read: has it something to say, and nobody who sends it (X3)? */
static void speak(struct tls *t)
{
	answer_key_update(t);
	if (t->write_error)		/* nobody hears it any more */
		t->out.begin = t->out.end = 0;
	if (is_empty(&t->out) || rondo_lock_locked(&t->sending))
		return;
	if (t->speaker && rondo_task_state(t->speaker) == RONDO_PENDING)
		return;
	rondo_detach(t->speaker);
	t->speaker = rondo_create_task(speak_up, t);
}

/* Before a read, which may have to answer: who asks and takes no answers is not read. Nothing has
 * been read yet that a cancel could lose. */
static int wait_for_listener(struct tls *t)
{
	int ret = 0;

	if (t->out.end > TLS_FLOOD_BYTES && !t->write_error) {
		t->n_sending++;
		ret = rondo__tls_send(t);
		t->n_sending--;
	}
	return ret == -ECANCELED ? ret : 0;
}

ssize_t rondo__tls_read(struct tls *t, void *buf, size_t len)
{
	ssize_t n;
	int ret;

	do {
		if (t->heard_goodbye || t->read_error)
			return t->read_error;
		ret = wait_for_listener(t);
		if (ret < 0)
			return ret;
		n = decrypt(t, buf, len);
		speak(t);
		if (n == -EAGAIN)
			ret = fetch(t);
	} while (n == -EAGAIN && ret == 0);
	return n == -EAGAIN ? ret : n;
}

/* --- what is to be sent ---------------------------------------------------------------------- */

/* The next bytes to encrypt; several small pieces become one, so that a header and its body are one
 * record. */
struct cursor {
	const struct iovec *iov;
	size_t n_iov, offset;
	char together[2048];
};

static size_t take(struct cursor *c, const char **bytes, size_t max)
{
	size_t n = c->iov->iov_len - c->offset;

	*bytes = c->iov->iov_base;
	if (c->offset)			/* no arithmetic on NULL */
		*bytes += c->offset;
	if (n > max) {
		c->offset += max;
		return max;
	}
	c->iov++;
	c->n_iov--;
	c->offset = 0;
	return n;
}

static size_t next_piece(struct cursor *c, const char **bytes)
{
	size_t n = take(c, bytes, TLS_RECORD_BYTES), n_more;
	const char *more;

	if (n >= sizeof(c->together) || c->n_iov == 0)
		return n;
	if (n)
		memcpy(c->together, *bytes, n);
	*bytes = c->together;
	while (c->n_iov && n < sizeof(c->together)) {
		n_more = take(c, &more, sizeof(c->together) - n);
		if (n_more)
			memcpy(c->together + n, more, n_more);
		n += n_more;
	}
	return n;
}

/* Fill `out` with records, as many as are sent at once. */
static int encrypt(struct tls *t, struct cursor *c, size_t *n_written)
{
	const char *bytes;
	size_t n;

	ERR_clear_error();
	while (c->n_iov && t->out.end < TLS_BATCH_BYTES) {
		n = next_piece(c, &bytes);
		if (n && !SSL_write_ex(t->ssl, bytes, n, &n))
			return t->write_error = rondo__tls_error_of(t);
		*n_written += n;
	}
	return 0;
}

/* What one long write needed does not stay with a connection that idles. */
static void drop_if_long(struct tls_buffer *b)
{
	if (b->size <= TLS_KEEP_BYTES || !is_empty(b))
		return;
	free(b->data);
	*b = (struct tls_buffer){ .data = NULL };
}

int rondo__tls_write(struct tls *t, const struct iovec *iov, size_t n_iov, size_t *n_written)
{
	struct cursor c = { .iov = iov, .n_iov = n_iov };
	int ret;

	*n_written = 0;
	t->n_sending++;
	ret = rondo_lock_acquire(&t->sending);
	if (ret == 0) {
		ret = t->said_goodbye ? -EPIPE : send_all(t);
		while (ret == 0 && c.n_iov) {
			ret = encrypt(t, &c, n_written);
			if (ret == 0)
				ret = send_all(t);
		}
		rondo_lock_release(&t->sending);
	}
	if (*n_written)		/* else what was torn before is torn still */
		t->torn = c.n_iov > 0;
	drop_if_long(&t->out);
	drop_if_long(&t->wire);
	t->n_sending--;
	return ret;
}

/* --- beginning and end ----------------------------------------------------------------------- */

int rondo__tls_handshake(struct tls *t)
{
	for (;;) {
		int done, ret;

		ERR_clear_error();
		done = SSL_do_handshake(t->ssl);
		if (done != 1 && SSL_get_error(t->ssl, done) != SSL_ERROR_WANT_READ) {
			t->read_error = rondo__tls_error_of(t);
			(void)rondo__tls_send(t);	/* the alert; the cause is what counts */
			return t->read_error;
		}
		ret = rondo__tls_send(t);
		if (done == 1 || ret < 0)
			return ret;
		ret = fetch(t);
		if (ret < 0)
			return ret;
	}
}

/* Say close_notify, unless what failed has been told by an alert, after which nothing may follow. */
int rondo__tls_say_goodbye(struct tls *t)
{
	int ret = rondo_lock_acquire(&t->sending);

	if (ret < 0)
		return ret;
	if (!t->said_goodbye && t->read_error != -EPROTO && t->read_error != -EKEYREJECTED) {
		ERR_clear_error();
		(void)SSL_shutdown(t->ssl);
		ERR_clear_error();
	}
	t->said_goodbye = true;
	ret = send_all(t);
	rondo_lock_release(&t->sending);
	return ret;
}

/* Until the peer has said it too, or is gone. Closing a socket with bytes unread would make the
 * kernel reset the connection, and the peer lose what it did not read yet. */
int rondo__tls_await_goodbye(struct tls *t)
{
	char unwanted[4096];
	ssize_t n;

	do {
		n = rondo__tls_read(t, unwanted, sizeof(unwanted));
	} while (n > 0);
	return n == -ECANCELED ? -ECANCELED : 0;
}
