/* SPDX-License-Identifier: MIT */
/* dns_cache.c - answers, for as long as they hold and there is room. One per loop. */
#include <stdlib.h>
#include <string.h>

#include "stream/dns.h"

enum { TTL_MAX_SECONDS = 24 * 60 * 60 };

struct dns_entry {
	struct dns_entry *next;		/* in its bucket */
	struct list use;
	uint64_t end_ns;
	int family, result;
	unsigned n;
	char host[DNS_NAME_MAX], name[DNS_NAME_MAX];	/* asked for, in lower case; canonical */
	struct dns_address all[];
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static unsigned bucket_of(const char *host, int family)
{
	uint32_t hash = 2166136261u ^ (uint32_t)family;		/* FNV-1a */

	for (; *host; host++)
		hash = (hash ^ (unsigned char)lower(*host)) * 16777619u;
	return (hash ^ hash >> 16) % DNS_BUCKETS;
}

static bool is_of(const struct dns_entry *e, const char *host, int family)
{
	size_t i = 0;

	while (host[i] && lower(host[i]) == e->host[i])
		i++;
	return !host[i] && !e->host[i] && e->family == family;
}

void rondo__dns_cache_init(struct dns_cache *c, unsigned max)
{
	*c = (struct dns_cache){ .max = max };
	list_init(&c->by_use);
}

/* Take out the entry that *link names. */
static void drop(struct dns_cache *c, struct dns_entry **link)
{
	struct dns_entry *e = *link;

	*link = e->next;
	list_remove(&e->use);
	c->n--;
	free(e);
}

void rondo__dns_cache_clear(struct dns_cache *c)
{
	for (unsigned i = 0; i < DNS_BUCKETS; i++)
		while (c->buckets[i])
			drop(c, &c->buckets[i]);
}

static struct dns_entry **link_of(struct dns_cache *c, const char *host, int family)
{
	struct dns_entry **link = &c->buckets[bucket_of(host, family)];

	while (*link && !is_of(*link, host, family))
		link = &(*link)->next;
	return link;
}

bool rondo__dns_cache_get(struct dns_cache *c, const char *host, int family, uint64_t now_ns,
			  struct dns_answer *answer)
{
	struct dns_entry **link = link_of(c, host, family), *e = *link;

	if (!e)
		return false;
	if (e->end_ns <= now_ns) {
		drop(c, link);
		return false;
	}
	list_remove(&e->use);
	list_push(&c->by_use, &e->use);
	answer->result = e->result;
	answer->found.n = e->n;
	memcpy(answer->found.name, e->name, sizeof(e->name));
	memcpy(answer->found.all, e->all, e->n * sizeof(e->all[0]));
	return true;
}

static void make_room(struct dns_cache *c)
{
	while (c->n >= c->max) {
		struct dns_entry *oldest = container_of(c->by_use.next, struct dns_entry, use);

		drop(c, link_of(c, oldest->host, oldest->family));
	}
}

void rondo__dns_cache_put(struct dns_cache *c, const char *host, int family, uint64_t now_ns,
			  const struct dns_answer *answer)
{
	const uint64_t ttl = answer->ttl_seconds < TTL_MAX_SECONDS ? answer->ttl_seconds :
								     TTL_MAX_SECONDS;
	struct dns_entry **link = link_of(c, host, family), *e;

	if (*link)
		drop(c, link);
	if (!ttl || !c->max)
		return;
	make_room(c);
	e = calloc(1, sizeof(*e) + answer->found.n * sizeof(e->all[0]));
	if (!e)
		return;
	e->end_ns = now_ns + ttl * 1000000000u;
	e->family = family;
	e->result = answer->result;
	e->n = answer->found.n;
	for (size_t i = 0; host[i] && i < sizeof(e->host) - 1; i++)
		e->host[i] = lower(host[i]);
	memcpy(e->name, answer->found.name, sizeof(e->name));
	memcpy(e->all, answer->found.all, e->n * sizeof(e->all[0]));
	link = link_of(c, e->host, family);	/* room was made in its bucket, perhaps */
	e->next = *link;
	*link = e;
	list_push(&c->by_use, &e->use);
	c->n++;
}
