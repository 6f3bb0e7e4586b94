/* SPDX-License-Identifier: MIT */
/* error.c - what went wrong: OpenSSL's queue of errors as one of our numbers, and in words. */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include "tls/tls.h"

/* Tasks stay in their thread (L5), so a task that was told of a failure may ask before it awaits. */
static _Thread_local char last_why[TLS_WHY_BYTES];

char *rondo__tls_last_why(void)
{
	return last_why;
}

int rondo__tls_fail(char why[TLS_WHY_BYTES], int error, const char *words)
{
	snprintf(why, TLS_WHY_BYTES, "%s", words);
	return error;
}

/* The first error is the cause. It may come with data: a file's name, a cipher's. */
int rondo__tls_error_take(char why[TLS_WHY_BYTES])
{
	const char *data = NULL, *reason;
	int flags = 0, ret = -EINVAL;
	unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);

	if (ERR_SYSTEM_ERROR(code)) {
		ret = -ERR_GET_REASON(code);
		reason = rondo_strerror(ret);
	} else {
		ret = ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE ? -ENOMEM : -EINVAL;
		reason = ERR_reason_error_string(code);
	}
	if (!reason)
		reason = "OpenSSL gave no reason";
	if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET)
		snprintf(why, TLS_WHY_BYTES, "refused by the peer: %s", reason);
	else if (data && data[0] && (flags & ERR_TXT_STRING))
		snprintf(why, TLS_WHY_BYTES, "%s: %s", reason, data);
	else
		snprintf(why, TLS_WHY_BYTES, "%s", reason);
	ERR_clear_error();
	return ret;
}

int rondo__tls_error_of(struct tls *t)
{
	unsigned long code = ERR_peek_error();
	long verdict = SSL_get_verify_result(t->ssl);

	if (t->no_memory) {
		ERR_clear_error();
		return rondo__tls_fail(t->why, -ENOMEM, "out of memory");
	}
	if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) {
		ERR_clear_error();
		snprintf(t->why, TLS_WHY_BYTES, "certificate verify failed: %s",
			 X509_verify_cert_error_string(verdict));
		return -EKEYREJECTED;
	}
	if (code == 0 && t->why[0])
		return -EPROTO;		/* OpenSSL tells each failure once */
	return rondo__tls_error_take(t->why) == -ENOMEM ? -ENOMEM : -EPROTO;
}

const char *rondo_tls_error(const rondo_stream *stream)
{
	const struct tls *t = stream ? rondo_stream_self(stream, &rondo__tls_class) : NULL;

	return t ? t->why : last_why;
}
