/* SPDX-License-Identifier: MIT */
/* dns_lookup.c - where a name is looked for, and in which order its addresses come (A1). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>

#include "rondo/time.h"
#include "stream/dns.h"

enum {
	TIMEOUT_SECONDS = 2,
	TRIES = 2,
	CACHE_ENTRIES = 256,
	LIBC_THREADS = 8,
	NEGATIVE_SECONDS = 5,		/* "no such host" may be mended soon */
};

/* --- what a loop knows ----------------------------------------------------------------------- */

static const char dns_kind;

/* libc's lookups cannot be stopped: those that were abandoned are waited for. */
static void close_dns(struct loop *l, struct loop_part *part, bool abandoned)
{
	struct dns *d = container_of(part, struct dns, part);

	(void)l;
	rondo__dns_cache_clear(&d->cache);
	if (abandoned) {
		rondo__dns_cares_abandon(d);
	} else {
		rondo__pool_begin_close(&d->pool);
		rondo__pool_join(&d->pool, NULL);
	}
	rondo__pool_free(&d->pool);
	free(d);
}

static void set_options(struct dns *d, const struct rondo_dns_options *o)
{
	d->options = *o;
	d->options.servers = NULL;
	if (o->servers)
		d->options.servers = strcpy(d->servers, o->servers);
	if (o->timeout_seconds == 0)
		d->options.timeout_seconds = TIMEOUT_SECONDS;
	if (!o->tries)
		d->options.tries = TRIES;
	if (o->resolver == RONDO_DNS_DEFAULT && !rondo__dns_has_cares)
		d->options.resolver = RONDO_DNS_LIBC;
	rondo__dns_cache_init(&d->cache, o->no_cache ? 0 : o->cache_entries ? o->cache_entries :
									      CACHE_ENTRIES);
}

struct dns *rondo__dns(struct loop *l)
{
	static const struct rondo_pool_options few = { .max_threads = LIBC_THREADS,
						       .name = "rondo-dns" };
	static const struct rondo_dns_options defaults;
	struct loop_part *part = rondo__loop_part(l, &dns_kind);
	struct dns *d;

	if (part)
		return container_of(part, struct dns, part);
	d = malloc(sizeof(*d));
	if (!d)
		return NULL;
	d->part = (struct loop_part){ .kind = &dns_kind, .close = close_dns };
	list_init(&d->lookups);
	rondo__pool_init(&d->pool, &few);
	set_options(d, &defaults);
	rondo__loop_part_add(l, &d->part);
	return d;
}

int rondo_dns_configure(const struct rondo_dns_options *options)
{
	struct dns *d;

	if (options->resolver == RONDO_DNS_CARES && !rondo__dns_has_cares)
		return -EOPNOTSUPP;
	if (!isfinite(options->timeout_seconds) || options->timeout_seconds < 0 ||
	    (options->servers && strlen(options->servers) >= sizeof(d->servers)))
		return -EINVAL;
	d = rondo__dns(rondo__self()->loop);
	if (!d)
		return -ENOMEM;
	rondo__dns_cache_clear(&d->cache);
	set_options(d, options);
	return 0;
}

/* --- the order of addresses ------------------------------------------------------------------ */

/* Is there a route? Connecting a UDP socket sends nothing. */
static bool is_reachable(const struct kernel *k, const struct dns_address *a)
{
	const struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr = a->bytes.v4,
					.sin_port = htons(53) };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = a->bytes.v6,
					 .sin6_port = htons(53), .sin6_scope_id = a->scope };
	const bool is_v4 = a->family == AF_INET;
	int fd = (int)kernel_call3(k, SYS_socket, a->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	long ret;

	if (fd < 0)
		return false;
	ret = is_v4 ? kernel_call3(k, SYS_connect, fd, &v4, sizeof(v4)) :
		      kernel_call3(k, SYS_connect, fd, &v6, sizeof(v6));
	kernel_call2(k, SYS_close, fd, 0);
	return ret == 0;
}

static void append(struct dns_addresses *to, const struct dns_addresses *from)
{
	struct dns_address *slot;

	for (unsigned i = 0; i < from->n && (slot = dns_add(to)); i++)
		*slot = from->all[i];
	if (!to->name[0])
		memcpy(to->name, from->name, sizeof(to->name));
}

/* Of RFC 6724 the rules that matter here: what cannot be reached comes last, otherwise IPv6 comes
 * first; within a family it is as the server had it, which may be by turns on purpose. */
static void append_in_order(struct dns_addresses *to, const struct dns_addresses *v4,
			    const struct dns_addresses *v6)
{
	const struct kernel *k = rondo__self()->loop->ring.kernel;
	const bool v4_first = v4->n && v6->n && !is_reachable(k, &v6->all[0]) &&
			      is_reachable(k, &v4->all[0]);

	append(to, v4_first ? v4 : v6);
	append(to, v4_first ? v6 : v4);
}

/* --- c-ares, with the cache ------------------------------------------------------------------ */

static uint64_t now_ns(void)
{
	return rondo_now_ns();
}

static void keep(struct dns *d, const char *host, int family, struct dns_answer *a)
{
	if (a->result == -RONDO_ENOTFOUND)
		a->ttl_seconds = NEGATIVE_SECONDS;
	if (a->result == 0 || a->result == -RONDO_ENOTFOUND)
		rondo__dns_cache_put(&d->cache, host, family, now_ns(), a);
}

/* One family that answers is enough; of two errors, that there was no answer says more. */
static int both_results(const struct dns_answer *v4, const struct dns_answer *v6)
{
	if (v4->found.n || v6->found.n)
		return 0;
	return v4->result != -RONDO_ENOTFOUND ? v4->result : v6->result;
}

struct answers {
	struct dns_answer v4, v6;
	bool has_v4, has_v6;		/* known, or not wanted */
};

static void answer_init(struct dns_answer *a)
{
	a->result = -RONDO_ENOTFOUND;
	a->ttl_seconds = 0;
	a->found.n = 0;
	memset(a->found.name, 0, sizeof(a->found.name));
}

static bool look_into_cache(struct dns *d, const char *host, int family, struct answers *a)
{
	answer_init(&a->v4);
	answer_init(&a->v6);
	a->has_v4 = family == AF_INET6 ||
		    rondo__dns_cache_get(&d->cache, host, AF_INET, now_ns(), &a->v4);
	a->has_v6 = family == AF_INET ||
		    rondo__dns_cache_get(&d->cache, host, AF_INET6, now_ns(), &a->v6);
	return a->has_v4 && a->has_v6;
}

static int ask_cares(struct dns *d, const char *host, struct answers *a)
{
	int ret = rondo__dns_cares(d, host, a->has_v4 ? NULL : &a->v4, a->has_v6 ? NULL : &a->v6);

	if (ret < 0)
		return ret;
	if (!a->has_v4)
		keep(d, host, AF_INET, &a->v4);
	if (!a->has_v6)
		keep(d, host, AF_INET6, &a->v6);
	return 0;
}

/* --- a name ---------------------------------------------------------------------------------- */

/* Multicast DNS is the business of NSS. */
static bool is_local(const char *host)
{
	static const char local[] = ".local";
	size_t n = strlen(host);

	n -= n > 1 && host[n - 1] == '.';
	return n >= sizeof(local) - 1 &&
	       strncasecmp(host + n - (sizeof(local) - 1), local, sizeof(local) - 1) == 0;
}

static bool goes_to_libc(const struct dns *d, const char *host)
{
	return d->options.resolver == RONDO_DNS_LIBC ||
	       (d->options.resolver == RONDO_DNS_DEFAULT && is_local(host));
}

int rondo__dns_find(const char *host, int family, struct dns_addresses *found)
{
	struct dns *d = rondo__dns(rondo__self()->loop);
	struct answers a;
	bool known;
	int ret;

	if (!d)
		return -ENOMEM;
	known = look_into_cache(d, host, family, &a);
	if (!known) {
		ret = rondo__dns_hosts(host, family, found);
		if (ret < 0 || found->n)
			return ret;
		if (goes_to_libc(d, host))
			return rondo__dns_libc(d, host, family, found);
		ret = ask_cares(d, host, &a);
		if (ret < 0)
			return ret;
	}
	append_in_order(found, &a.v4.found, &a.v6.found);
	return both_results(&a.v4, &a.v6);
}

int rondo__dns_find_name(const struct dns_address *address, char *name, size_t size)
{
	struct dns *d = rondo__dns(rondo__self()->loop);
	int ret;

	if (!d)
		return -ENOMEM;
	ret = rondo__dns_hosts_name(address, name, size);
	if (ret != -RONDO_ENOTFOUND)
		return ret;
	if (d->options.resolver == RONDO_DNS_LIBC)
		return rondo__dns_libc_name(d, address, name, size);
	return rondo__dns_cares_name(d, address, name, size);
}
