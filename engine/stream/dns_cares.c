/* SPDX-License-Identifier: MIT */
/* dns_cares.c - c-ares on the loop: it writes and reads the packets, we do all that waits (A1).
 *
 * A lookup has a c-ares channel to itself, for one server and one try, and ends it to be cancelled,
 * to give up on a server, or when it has its answers. So c-ares' own clock, which is not the
 * loop's, never matters, and nothing goes on behind the back of who asked. Its sockets are ours:
 * a RECV is in flight on each, whose bytes c-ares finds when it asks for them. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "stream/dns_cares.h"

const bool rondo__dns_has_cares = true;

enum {
	EDNS_SIZE = 1232,		/* what no path breaks up (DNS flag day 2020) */
	NEVER_MS = 24 * 60 * 60 * 1000,	/* c-ares' own timeout; ours is what counts */
};

/* --- waiting --------------------------------------------------------------------------------- */

static bool cancel_lookup(struct wait *w)
{
	container_of(w, struct lookup, wait)->parked = false;
	return wait_cancel_now(w);
}

static const struct wait_class lookup_class = { .name = "name servers", .cancel = cancel_lookup };
static const struct wait_class ending_class = { .name = "the end of a lookup",
						.cancel = wait_cancel_later };

static void park(struct lookup *l, const struct wait_class *class)
{
	l->wait = (struct wait){ .class = class, .task = rondo__self() };
	l->parked = true;
	rondo__park(&l->wait);
}

static void time_is_up(struct timer *t)
{
	struct lookup *l = container_of(t, struct lookup, timer);

	l->expired = true;
	dns_lookup_wake(l);
}

/* --- answers --------------------------------------------------------------------------------- */

static int error_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_ENONAME:
	case ARES_EBADNAME:
	case ARES_EBADSTR:
		return -RONDO_ENOTFOUND;
	case ARES_ENOMEM:
		return -ENOMEM;
	default:			/* no answer, or none that makes sense */
		return -RONDO_EDNS;
	}
}

static void take_node(struct dns_answer *a, const struct ares_addrinfo_node *node)
{
	struct dns_address *slot = dns_add(&a->found);

	if (!slot)
		return;
	*slot = (struct dns_address){ .family = (sa_family_t)node->ai_family };
	if (node->ai_family == AF_INET)
		slot->bytes.v4 = ((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr;
	else
		slot->bytes.v6 = ((const struct sockaddr_in6 *)(const void *)node->ai_addr)->sin6_addr;
	if (node->ai_ttl >= 0 && (uint32_t)node->ai_ttl < a->ttl_seconds)
		a->ttl_seconds = (uint32_t)node->ai_ttl;
}

static void take_answer(struct dns_answer *a, int status, struct ares_addrinfo *info)
{
	a->result = error_of(status);
	if (!info)
		return;
	a->ttl_seconds = UINT32_MAX;
	for (const struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next)
		take_node(a, n);
	for (const struct ares_addrinfo_cname *c = info->cnames; c; c = c->next) {
		strncpy(a->found.name, c->name, sizeof(a->found.name) - 1);
		if (c->ttl >= 0 && (uint32_t)c->ttl < a->ttl_seconds)
			a->ttl_seconds = (uint32_t)c->ttl;
	}
	if (!a->found.n)
		a->result = -RONDO_ENOTFOUND;
	ares_freeaddrinfo(info);
}

static void v4_answered(void *arg, int status, int n_timeouts, struct ares_addrinfo *info)
{
	struct lookup *l = arg;

	(void)n_timeouts;
	l->n_pending--;
	if (!l->lost)
		take_answer(l->v4, status, info);
}

static void v6_answered(void *arg, int status, int n_timeouts, struct ares_addrinfo *info)
{
	struct lookup *l = arg;

	(void)n_timeouts;
	l->n_pending--;
	if (!l->lost)
		take_answer(l->v6, status, info);
}

static void name_answered(void *arg, int status, int n_timeouts, struct hostent *host)
{
	struct lookup *l = arg;

	(void)n_timeouts;
	l->n_pending--;
	l->name_result = error_of(status);
	if (l->name_result < 0)
		return;
	if (strlen(host->h_name) < l->name_size)
		memcpy(l->name, host->h_name, strlen(host->h_name) + 1);
	else
		l->name_result = -ENOSPC;
}

static void ask(struct lookup *l)
{
	const struct ares_addrinfo_hints v4 = { .ai_family = AF_INET, .ai_flags = ARES_AI_NOSORT };
	const struct ares_addrinfo_hints v6 = { .ai_family = AF_INET6, .ai_flags = ARES_AI_NOSORT };
	const struct dns_address *a = l->address;

	l->n_pending = (l->v4 != NULL) + (l->v6 != NULL) + (a != NULL);
	if (l->v4)
		ares_getaddrinfo(l->channel, l->host, NULL, &v4, v4_answered, l);
	if (l->v6)
		ares_getaddrinfo(l->channel, l->host, NULL, &v6, v6_answered, l);
	if (a)
		ares_gethostbyaddr(l->channel, &a->bytes,
				   a->family == AF_INET ? sizeof(a->bytes.v4) : sizeof(a->bytes.v6),
				   a->family, name_answered, l);
}

/* --- a try ----------------------------------------------------------------------------------- */

/* Leave one of the channel's servers, by turns. */
static int choose_server(struct lookup *l, unsigned number)
{
	struct ares_addr_port_node *all = NULL, one;
	const struct ares_addr_port_node *n;
	int status = ares_get_servers_ports(l->channel, &all);

	if (status != ARES_SUCCESS || !all)
		return status == ARES_ENOMEM ? -ENOMEM : -RONDO_EDNS;
	l->n_servers = 0;
	for (n = all; n; n = n->next)
		l->n_servers++;
	n = all;
	for (number %= l->n_servers; number; number--)
		n = n->next;
	one = *n;
	one.next = NULL;
	status = ares_set_servers_ports(l->channel, &one);
	ares_free_data(all);
	return status == ARES_SUCCESS ? 0 : -ENOMEM;
}

static void destroy_channel(struct lookup *l)
{
	ares_channel channel = l->channel;

	l->channel = NULL;
	ares_destroy(channel);
}

static int open_channel(struct lookup *l, unsigned number)
{
	static char dns_alone[] = "b";
	const struct rondo_dns_options *d = &l->dns->options;
	struct ares_options o = {
		.flags = ARES_FLAG_EDNS | ARES_FLAG_NOALIASES | (d->no_search ? ARES_FLAG_NOSEARCH : 0),
		.lookups = dns_alone, .tries = 1, .timeout = NEVER_MS, .ednspsz = EDNS_SIZE,
		.sock_state_cb = rondo__dns_socket_state, .sock_state_cb_data = l,
	};
	int ret, status = ares_init_options(&l->channel, &o, ARES_OPT_FLAGS | ARES_OPT_LOOKUPS |
					    ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_EDNSPSZ |
					    ARES_OPT_SOCK_STATE_CB);

	if (status != ARES_SUCCESS)
		return error_of(status);
	ares_set_socket_functions(l->channel, &rondo__dns_socket_functions, l);
	if (d->servers)
		status = ares_set_servers_ports_csv(l->channel, d->servers);
	ret = status == ARES_SUCCESS ? choose_server(l, number) : -EINVAL;
	if (ret < 0)
		destroy_channel(l);
	return ret;
}

/* Its questions are answered by that, if they were not, and its sockets closed. The ops are in l,
 * which stays until they have reported (O6). */
static void close_channel(struct lookup *l)
{
	destroy_channel(l);
	while (!rondo__dns_sockets_gone(l))
		park(l, &ending_class);
}

/* Wait for what the server says, up to the limit since it said something last. Returns 1, 0 if time
 * is up, or an error. */
static int wait_for_server(struct lookup *l)
{
	int ret = 0;

	if (!l->timer.fire || l->heard) {
		rondo__timer_stop(l->loop, &l->timer);
		l->timer.fire = time_is_up;
		ret = rondo__timer_start(l->loop, &l->timer,
					 rondo__timer_deadline(l->dns->options.timeout_seconds));
		l->heard = false;
	}
	if (ret < 0)
		return ret;
	if (rondo__dns_sockets_begin(l))
		return 1;
	park(l, &lookup_class);
	ret = rondo__wait_result(&l->wait, 0);
	return ret < 0 ? ret : !l->expired;
}

/* Ask one server once. Returns 0 or an error that ends the lookup; what is not answered says so. */
static int try_server(struct lookup *l, unsigned number)
{
	int ret = open_channel(l, number);

	if (ret < 0)
		return ret;
	l->expired = l->heard = false;
	l->timer.fire = NULL;
	heap_node_init(&l->timer.node);
	ask(l);
	ret = 1;
	while (l->n_pending && ret > 0) {
		ret = wait_for_server(l);
		if (ret > 0)
			rondo__dns_sockets_process(l);
	}
	rondo__timer_stop(l->loop, &l->timer);
	close_channel(l);
	return ret < 0 ? ret : 0;
}

/* --- a lookup -------------------------------------------------------------------------------- */

static bool is_answered(const struct dns_answer *a)
{
	return a->result == 0 || a->result == -RONDO_ENOTFOUND;
}

/* Is there what to ask the next server? If one family has addresses, the other need not. */
static bool is_unanswered(struct lookup *l)
{
	const bool enough = (l->v4 && l->v4->found.n) || (l->v6 && l->v6->found.n);

	if (l->v4 && is_answered(l->v4))
		l->v4 = NULL;
	if (l->v6 && is_answered(l->v6))
		l->v6 = NULL;
	if (l->address)
		return l->name_result == -RONDO_EDNS;
	return !enough && (l->v4 || l->v6);
}

static void start_library(void)
{
	ares_library_init(ARES_LIB_INIT_ALL);
}

static int run(struct lookup *l)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct rondo_task *self = rondo__self();
	unsigned number = 0;
	int ret;

	if (self->must_cancel)
		return task_deliver(self);
	pthread_once(&once, start_library);
	l->loop = self->loop;
	rondo__dns_sockets_init(l);
	list_push(&l->dns->lookups, &l->link);
	do
		ret = try_server(l, number++);
	while (ret == 0 && is_unanswered(l) && number < l->n_servers * l->dns->options.tries);
	list_remove(&l->link);
	return ret;
}

void rondo__dns_cares_abandon(struct dns *d)
{
	while (!list_empty(&d->lookups)) {
		struct lookup *l = container_of(list_pop(&d->lookups), struct lookup, link);

		l->lost = true;
		if (l->channel)
			destroy_channel(l);
		free(l);
	}
}

int rondo__dns_cares(struct dns *d, const char *host, struct dns_answer *v4,
		     struct dns_answer *v6)
{
	struct lookup *l = calloc(1, sizeof(*l));
	int ret;

	if (!l)
		return -ENOMEM;
	l->dns = d;
	l->host = host;
	l->v4 = v4;
	l->v6 = v6;
	if (v4)
		v4->result = -RONDO_EDNS;
	if (v6)
		v6->result = -RONDO_EDNS;
	ret = run(l);
	free(l);
	return ret;
}

int rondo__dns_cares_name(struct dns *d, const struct dns_address *address, char *name,
			  size_t size)
{
	struct lookup *l = calloc(1, sizeof(*l));
	int ret;

	if (!l)
		return -ENOMEM;
	l->dns = d;
	l->address = address;
	l->name = name;
	l->name_size = size;
	l->name_result = -RONDO_EDNS;
	ret = run(l);
	if (ret == 0)
		ret = l->name_result;
	free(l);
	return ret;
}
