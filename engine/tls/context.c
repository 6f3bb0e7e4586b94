/* SPDX-License-Identifier: MIT */
/* context.c - what connections share. */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tls/tls.h"

/* Words for rondo_tls_error(NULL): OpenSSL's. */
static int failed(void)
{
	return rondo__tls_error_take(rondo__tls_last_why());
}

/* The same, about a file. */
static int file_failed(const char *what, const char *file)
{
	char why[TLS_WHY_BYTES];
	int ret = rondo__tls_error_take(why);

	snprintf(rondo__tls_last_why(), TLS_WHY_BYTES, "%s %.60s: %.80s", what, file, why);
	return ret;
}

/* --- certificates ---------------------------------------------------------------------------- */

/* OpenSSL's own would ask at the terminal. */
static int on_password(char *buf, int size, int writes, void *password)
{
	size_t n = password ? strlen(password) : 0;

	(void)writes;
	if (n == 0 || n > (size_t)size)
		return -1;
	memcpy(buf, password, n);
	return (int)n;
}

static int use_certificate(SSL_CTX *ctx, const char *cert_file, const char *key_file,
			   const char *password)
{
	if (!cert_file)
		return 0;
	if (!key_file)
		key_file = cert_file;
	SSL_CTX_set_default_passwd_cb(ctx, on_password);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, (void *)(uintptr_t)password);
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		return file_failed("certificate", cert_file);
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return file_failed("key", key_file);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	return 0;
}

/* A server that asks for certificates also says which authorities it knows. */
static int believe(SSL_CTX *ctx, const struct rondo_tls_context_options *o)
{
	STACK_OF(X509_NAME) *names;

	ERR_clear_error();
	if (!o->ca_file) {
		if (!o->is_server && SSL_CTX_set_default_verify_paths(ctx) != 1)
			return failed();
		return 0;
	}
	if (SSL_CTX_load_verify_file(ctx, o->ca_file) != 1)
		return file_failed("authorities", o->ca_file);
	if (!o->is_server)
		return 0;
	names = SSL_load_client_CA_file(o->ca_file);
	if (!names)
		return file_failed("authorities", o->ca_file);
	SSL_CTX_set_client_CA_list(ctx, names);
	return 0;
}

static void set_verification(SSL_CTX *ctx, const struct rondo_tls_context_options *o)
{
	int mode = SSL_VERIFY_NONE;

	if (o->verify == RONDO_TLS_VERIFY_OPTIONAL)
		mode = SSL_VERIFY_PEER;
	else if (o->verify == RONDO_TLS_VERIFY_REQUIRED)
		mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
}

/* --- names ----------------------------------------------------------------------------------- */

/* "*.example.org" fits "www.example.org", and not "a.b.example.org". */
static bool name_fits(const char *pattern, const char *name)
{
	if (pattern[0] == '*' && pattern[1] == '.') {
		name = strchr(name, '.');
		return name && strcasecmp(pattern + 1, name) == 0;
	}
	return strcasecmp(pattern, name) == 0;
}

static SSL_CTX *find_name(const struct rondo_tls_context *c, const char *name)
{
	const struct tls_name *n = c->names;

	while (n && !name_fits(n->name, name))
		n = n->next;
	return n ? n->ssl_ctx : NULL;
}

/* OpenSSL takes the certificate, the authorities and the ALPN callback from a context that it is
 * switched to, and all else from the first one. Whether clients are verified belongs to that. */
static void switch_to(SSL *ssl, const struct rondo_tls_context *other)
{
	SSL_set_SSL_CTX(ssl, other->ssl_ctx);
	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(other->ssl_ctx),
		       SSL_CTX_get_verify_callback(other->ssl_ctx));
	if (other->options.no_tickets) {
		SSL_set_options(ssl, SSL_OP_NO_TICKET);
		SSL_set_num_tickets(ssl, 0);
	}
}

/* OpenSSL resumes a session before it asks for the name's context. So a client that one context has
 * let in would be let in by all. (In TLS 1.2 the name that we are told is the session's.) */
static bool is_of_another_name(const SSL *ssl, const char *name)
{
	const char *first;

	if (!SSL_session_reused(ssl))
		return false;
	first = SSL_SESSION_get0_hostname(SSL_get0_session(ssl));
	return first && name ? strcasecmp(first, name) != 0 : first != name;
}

static int refuse(int *alert, int why)
{
	*alert = why;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	struct rondo_tls_context *c = arg, *other = c;
	const struct rondo_tls_context_options *o = &c->options;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *ctx = name ? find_name(c, name) : NULL;

	if (name && o->on_server_name && o->on_server_name(name, &other, o->arg) < 0)
		return refuse(alert, SSL_AD_UNRECOGNIZED_NAME);
	if (other != c)
		switch_to(ssl, other);
	else if (ctx)
		SSL_set_SSL_CTX(ssl, ctx);
	if (o->on_server_name && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE &&
	    is_of_another_name(ssl, name))
		return refuse(alert, SSL_AD_ACCESS_DENIED);
	return name ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* --- ALPN ------------------------------------------------------------------------------------ */

/* asyncio goes on without a protocol if none is common; RFC 7301 has the server refuse, which keeps
 * one protocol's bytes from being taken for another's. */
static int on_alpn(SSL *ssl, const unsigned char **name, unsigned char *n, const unsigned char *offered,
		   unsigned n_offered, void *arg)
{
	struct rondo_tls_context *c = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, n, c->alpn, c->n_alpn, offered, n_offered) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*name = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Lengths and names, as they are sent. */
static int pack_alpn(struct rondo_tls_context *c, const char *const *names)
{
	size_t n = 0, length;

	for (size_t i = 0; names[i]; i++)
		n += 1 + strlen(names[i]);
	c->alpn = malloc(n + 1);
	if (!c->alpn)
		return rondo__tls_fail(rondo__tls_last_why(), -ENOMEM, "out of memory");
	for (size_t i = 0; names[i]; i++) {
		length = strlen(names[i]);
		if (length == 0 || length > UINT8_MAX)
			return rondo__tls_fail(rondo__tls_last_why(), -EINVAL,
					       "an ALPN protocol has 1 to 255 bytes");
		c->alpn[c->n_alpn++] = (unsigned char)length;
		memcpy(c->alpn + c->n_alpn, names[i], length);
		c->n_alpn += (unsigned)length;
	}
	return 0;
}

static int set_alpn(struct rondo_tls_context *c, const char *const *names)
{
	int ret = names && names[0] ? pack_alpn(c, names) : 0;

	if (ret < 0 || !c->n_alpn)
		return ret;
	if (c->options.is_server)
		SSL_CTX_set_alpn_select_cb(c->ssl_ctx, on_alpn, c);
	else if (SSL_CTX_set_alpn_protos(c->ssl_ctx, c->alpn, c->n_alpn) != 0)
		return failed();
	return 0;
}

/* --- the rest -------------------------------------------------------------------------------- */

static int set_protocol(SSL_CTX *ctx, const struct rondo_tls_context_options *o)
{
	static const unsigned char id[] = "rondo";
	int version = o->min_version == RONDO_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

	/* A server's sessions travel in tickets: a cache would only be memory. Clients: resume.c. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				 (o->no_tickets ? SSL_OP_NO_TICKET : 0));
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (o->no_tickets)
		SSL_CTX_set_num_tickets(ctx, 0);
	ERR_clear_error();
	if (!SSL_CTX_set_min_proto_version(ctx, version) ||
	    (o->ciphers && !SSL_CTX_set_cipher_list(ctx, o->ciphers)) ||
	    (o->ciphersuites && !SSL_CTX_set_ciphersuites(ctx, o->ciphersuites)) ||
	    !SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1))
		return failed();
	return 0;
}

static int keep_sessions(struct rondo_tls_context *c)
{
	int ret = rondo__tls_sessions_new(c->ssl_ctx, &c->sessions);

	return ret < 0 ? rondo__tls_fail(rondo__tls_last_why(), ret, "out of memory") : 0;
}

static int set_up(struct rondo_tls_context *c, const struct rondo_tls_context_options *o)
{
	int ret = set_protocol(c->ssl_ctx, o);

	if (ret == 0)
		ret = believe(c->ssl_ctx, o);
	if (ret == 0)
		ret = use_certificate(c->ssl_ctx, o->cert_file, o->key_file, o->key_password);
	if (ret == 0)
		ret = set_alpn(c, o->alpn);
	if (ret == 0 && !o->is_server && !o->no_tickets)
		ret = keep_sessions(c);
	set_verification(c->ssl_ctx, o);
	if (o->is_server) {
		SSL_CTX_set_tlsext_servername_callback(c->ssl_ctx, on_server_name);
		SSL_CTX_set_tlsext_servername_arg(c->ssl_ctx, c);
	}
	return ret;
}

static int check(const struct rondo_tls_context_options *o)
{
	char *why = rondo__tls_last_why();

	if (o->is_server && !o->cert_file)
		return rondo__tls_fail(why, -EINVAL, "a server needs a cert_file");
	if (o->is_server && o->verify != RONDO_TLS_VERIFY_NONE && !o->ca_file)
		return rondo__tls_fail(why, -EINVAL, "to verify clients a server needs a ca_file");
	if (!o->is_server && o->verify == RONDO_TLS_VERIFY_OPTIONAL)
		return rondo__tls_fail(why, -EINVAL, "a client verifies or does not");
	if (!(o->handshake_timeout > 0) || !(o->shutdown_timeout > 0))
		return rondo__tls_fail(why, -EINVAL, "a timeout is more than 0");
	return 0;
}

static void fill_in(struct rondo_tls_context_options *o)
{
	if (o->verify == RONDO_TLS_VERIFY_DEFAULT)
		o->verify = o->is_server ? RONDO_TLS_VERIFY_NONE : RONDO_TLS_VERIFY_REQUIRED;
	if (o->handshake_timeout == 0)
		o->handshake_timeout = 60;
	if (o->shutdown_timeout == 0)
		o->shutdown_timeout = 30;
}

int rondo_tls_context_new(const struct rondo_tls_context_options *options, rondo_tls_context **context)
{
	struct rondo_tls_context *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return rondo__tls_fail(rondo__tls_last_why(), -ENOMEM, "out of memory");
	if (options)
		c->options = *options;
	fill_in(&c->options);
	ret = check(&c->options);
	ERR_clear_error();
	if (ret == 0) {
		c->ssl_ctx = SSL_CTX_new(c->options.is_server ? TLS_server_method() :
								TLS_client_method());
		ret = c->ssl_ctx ? set_up(c, &c->options) : failed();
	}
	if (ret < 0)
		rondo_tls_context_free(c);
	else
		*context = c;
	return ret;
}

void rondo_tls_context_free(rondo_tls_context *context)
{
	if (!context)
		return;
	while (context->names) {
		struct tls_name *n = context->names;

		context->names = n->next;
		SSL_CTX_free(n->ssl_ctx);
		free(n);
	}
	SSL_CTX_free(context->ssl_ctx);
	rondo__tls_sessions_drop(context->sessions);
	free(context->alpn);
	free(context);
}

struct ssl_ctx_st *rondo_tls_context_native(rondo_tls_context *context)
{
	return context->ssl_ctx;
}

/* What switch_to() says comes from it. */
static SSL_CTX *context_of_name(struct rondo_tls_context *c)
{
	const STACK_OF(X509_NAME) *authorities = SSL_CTX_get_client_CA_list(c->ssl_ctx);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	static const unsigned char id[] = "rondo";

	if (!ctx)
		return NULL;
	SSL_CTX_set1_cert_store(ctx, SSL_CTX_get_cert_store(c->ssl_ctx));
	if (authorities)
		SSL_CTX_set_client_CA_list(ctx, SSL_dup_CA_list(authorities));
	SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
	if (c->n_alpn)
		SSL_CTX_set_alpn_select_cb(ctx, on_alpn, c);
	return ctx;
}

int rondo_tls_context_add_name(rondo_tls_context *context, const char *name, const char *cert_file,
			       const char *key_file)
{
	size_t size = strlen(name) + 1;
	struct tls_name *n;
	int ret;

	if (!context->options.is_server || !cert_file)
		return rondo__tls_fail(rondo__tls_last_why(), -EINVAL,
				       "names are of servers, and have a certificate");
	n = malloc(sizeof(*n) + size);
	if (!n)
		return rondo__tls_fail(rondo__tls_last_why(), -ENOMEM, "out of memory");
	memcpy(n->name, name, size);
	n->ssl_ctx = context_of_name(context);
	ret = n->ssl_ctx ? use_certificate(n->ssl_ctx, cert_file, key_file, NULL) : failed();
	if (ret < 0) {
		SSL_CTX_free(n->ssl_ctx);
		free(n);
		return ret;
	}
	n->next = context->names;
	context->names = n;
	return 0;
}
