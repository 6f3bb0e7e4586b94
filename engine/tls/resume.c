/* SPDX-License-Identifier: MIT */
/* resume.c - what clients keep of a connection, so that the next one to the same server begins without
 * certificates: the newest session of each server, of the SERVERS_MAX that were met last.
 *
 * A session is taken out to be used: who sees one ticket twice knows that both connections are of
 * one client (RFC 8446, C.4), and one that is no good must not stand in the way of all that follow.
 * A server of TLS 1.3 sends a new one on each connection. In TLS 1.2 it does not, so there a session
 * that was good is put back.
 *
 * A server is a name and a port: a session says that its secret belongs to who was verified under
 * that name. Connections of several threads may share this, so what is kept is a copy that no SSL
 * works on. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tls/tls.h"

enum { SERVERS_MAX = 64 };

/* Then the server is verified anew, however often its session was handed on meanwhile. */
static const uint64_t life_ns = UINT64_C(2) * 60 * 60 * 1000000000;

struct kept {
	struct kept *next;
	SSL_SESSION *session;
	uint64_t verified_ns;		/* when the server last showed its certificate */
	in_port_t port;
	char host[];
};

struct tls_sessions {
	atomic_uint n_holders;
	pthread_mutex_t lock;		/* of all below */
	struct kept *newest;
	unsigned n;
};

static void kept_free(struct kept *k)
{
	if (k)
		SSL_SESSION_free(k->session);
	free(k);
}

/* --- what is kept ---------------------------------------------------------------------------- */

/* With the lock held: what is kept of t's server, no longer in the list. */
static struct kept *take_locked(struct tls_sessions *s, const struct tls *t)
{
	struct kept **at = &s->newest, *k;

	while (*at && ((*at)->port != t->port || strcasecmp((*at)->host, t->host) != 0))
		at = &(*at)->next;
	k = *at;
	if (k) {
		*at = k->next;
		s->n--;
	}
	return k;
}

static struct kept *drop_oldest_locked(struct tls_sessions *s)
{
	struct kept **at = &s->newest, *k;

	while ((*at)->next)
		at = &(*at)->next;
	k = *at;
	*at = NULL;
	s->n--;
	return k;
}

static struct kept *take(const struct tls *t)
{
	struct kept *k;

	pthread_mutex_lock(&t->sessions->lock);
	k = take_locked(t->sessions, t);
	pthread_mutex_unlock(&t->sessions->lock);
	return k;
}

static void put(const struct tls *t, struct kept *k)
{
	struct tls_sessions *s = t->sessions;
	struct kept *older, *oldest = NULL;

	pthread_mutex_lock(&s->lock);
	older = take_locked(s, t);
	k->next = s->newest;
	s->newest = k;
	if (++s->n > SERVERS_MAX)
		oldest = drop_oldest_locked(s);
	pthread_mutex_unlock(&s->lock);
	kept_free(older);
	kept_free(oldest);
}

/* Without memory the next connection begins as the first one did. */
static void keep(const struct tls *t, const SSL_SESSION *session)
{
	size_t size = strlen(t->host) + 1;
	struct kept *k = calloc(1, sizeof(*k) + size);

	if (k)
		k->session = SSL_SESSION_dup(session);
	if (!k || !k->session) {
		free(k);
		return;
	}
	k->verified_ns = SSL_session_reused(t->ssl) ? t->resumed_ns : t->begun_ns;
	k->port = t->port;
	memcpy(k->host, t->host, size);
	put(t, k);
}

/* OpenSSL's callback, within SSL_read or SSL_do_handshake. 0: it keeps its reference. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls *t = rondo__tls_of(ssl);

	if (t && t->sessions)
		keep(t, session);
	return 0;
}

/* --- its life -------------------------------------------------------------------------------- */

int rondo__tls_sessions_new(SSL_CTX *ctx, struct tls_sessions **sessions)
{
	struct tls_sessions *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->n_holders = 1;
	pthread_mutex_init(&s->lock, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	*sessions = s;
	return 0;
}

void rondo__tls_sessions_hold(struct tls_sessions *s)
{
	if (s)
		atomic_fetch_add(&s->n_holders, 1);
}

void rondo__tls_sessions_drop(struct tls_sessions *s)
{
	if (!s || atomic_fetch_sub(&s->n_holders, 1) > 1)
		return;
	while (s->newest) {
		struct kept *k = s->newest;

		s->newest = k->next;
		kept_free(k);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* --- a connection's part --------------------------------------------------------------------- */

static in_port_t port_of(rondo_stream *s)
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof(a);

	if (rondo_stream_peername(s, (struct sockaddr *)&a, &size) < 0)
		return 0;
	if (a.ss_family == AF_INET)
		return ((struct sockaddr_in *)&a)->sin_port;
	return a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port : 0;
}

/* Who may be anybody is not the one who was verified the last time. */
int rondo__tls_resume(struct tls *t, struct tls_sessions *sessions, const char *host)
{
	struct kept *k;

	if (!sessions || !host || !host[0])
		return 0;
	t->host = strdup(host);
	if (!t->host)
		return -ENOMEM;
	t->port = port_of(t->below);
	t->sessions = sessions;
	rondo__tls_sessions_hold(sessions);
	t->begun_ns = rondo_now_ns();
	k = take(t);
	if (k && t->begun_ns - k->verified_ns < life_ns) {
		t->resumed_ns = k->verified_ns;
		(void)SSL_set_session(t->ssl, k->session);
	}
	kept_free(k);
	return 0;
}

void rondo__tls_resumed(struct tls *t)
{
	if (t->sessions && SSL_session_reused(t->ssl) && SSL_version(t->ssl) < TLS1_3_VERSION)
		keep(t, SSL_get0_session(t->ssl));
}

/* RFC 8446, 6.2: what it gave out is not to be used. */
void rondo__tls_forget_session(const struct tls *t)
{
	if (t->sessions)
		kept_free(take(t));
}
