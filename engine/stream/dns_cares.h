/* SPDX-License-Identifier: MIT */
/* dns_cares.h - a lookup by c-ares, and the sockets that it has. Layer 7. */
#ifndef RONDO_STREAM_DNS_CARES_H
#define RONDO_STREAM_DNS_CARES_H

#include <ares.h>

#include "loop/op.h"
#include "loop/timer.h"
#include "stream/dns.h"

enum {
	N_SOCKETS = 6,			/* of one try: UDP, TCP, and those being closed */
	PACKET_MAX = 4096,
};

struct lookup;

struct dns_socket {
	struct lookup *lookup;
	int fd;				/* -1: free */
	bool stream;
	bool connected, closing;
	bool in_flight, out_flight;	/* the ops below */
	bool wants_in, wants_out;	/* c-ares wants to read, to write */
	bool is_out;			/* it may write */
	int error;			/* of the connect */
	struct op in, out;		/* RECV; CONNECT */
	struct sockaddr_storage peer;
	socklen_t peer_size;
	bool has_data;
	int n_data;			/* or an error */
	int n_taken;
	char data[PACKET_MAX];
};

struct lookup {
	struct list link;		/* in dns->lookups */
	bool lost;			/* the loop was abandoned, and all that waits here */
	struct loop *loop;
	struct dns *dns;
	const char *host;
	struct dns_answer *v4, *v6;	/* NULL: not asked for, or answered */
	const struct dns_address *address;	/* its name is asked for, in place of a host */
	char *name;
	size_t name_size;
	int name_result;

	ares_channel channel;
	unsigned n_servers, n_pending;	/* n_pending: questions that c-ares owes an answer */
	struct wait wait;
	bool parked, expired, heard;
	struct timer timer;
	struct dns_socket sockets[N_SOCKETS];
};

extern const struct ares_socket_functions rondo__dns_socket_functions;
/* c-ares tells what it waits for; arg is the lookup. */
void rondo__dns_socket_state(void *arg, ares_socket_t fd, int readable, int writable);
void rondo__dns_sockets_init(struct lookup *l);
/* Begin to receive wherever c-ares wants to read. Returns true if it need not wait. */
bool rondo__dns_sockets_begin(struct lookup *l);
/* Hand c-ares what has come. */
void rondo__dns_sockets_process(struct lookup *l);
/* Give up those that c-ares has closed. Returns false while something is in flight on one. */
bool rondo__dns_sockets_gone(struct lookup *l);

/* Something came: the lookup's task, if it waits, looks. */
static inline void dns_lookup_wake(struct lookup *l)
{
	if (!l->parked)
		return;
	l->parked = false;
	rondo__wake(l->wait.task);
}

static inline const struct kernel *dns_lookup_kernel(const struct lookup *l)
{
	return l->loop->ring.kernel;
}
#endif
