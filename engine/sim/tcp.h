/* SPDX-License-Identifier: MIT */
/* tcp.h - a TCP connection: two ends, and two ways between them. Layer 9.
 *
 * The marks of a way, in bytes since its beginning (M2):
 *
 *      read <= received <= sent <= written         acked <= received
 *      |        |           |       +-- taken from the sending program
 *      |        |           +-- on the wire, or arrived
 *      |        +-- in the receiver's buffer
 *      +-- taken by the receiving program
 *
 * The sender keeps (written - acked) in its buffer, and sends up to limit, which is what the last
 * acknowledgement allowed. */
#ifndef RONDO_SIM_TCP_H
#define RONDO_SIM_TCP_H

#include "sim/net.h"

enum tcp_kind { TCP_SYN, TCP_SYN_ACK, TCP_ACK, TCP_DATA, TCP_PROBE, TCP_FIN, TCP_RESET };

struct tcp_segment {
	struct list link;
	enum tcp_kind kind;
	uint64_t end;			/* received, once it has arrived */
	uint64_t when_ns;		/* it arrives */
};

struct tcp_way {
	struct tcp_connection *tcp;
	unsigned from;			/* which end sends */
	char *bytes;			/* a ring of capacity bytes: [read, written) */
	size_t capacity;
	uint64_t written, sent, received, read, acked, limit;
	uint64_t hash_in, hash_out;	/* of [0, written), [0, read) */
	size_t room, window;		/* the sender's buffer, the receiver's */
	bool cut_short;			/* the sender took back what was not sent */
	bool fin, fin_sent, fin_received, fin_acked;
	bool probing;			/* a probe has not been answered */
	unsigned n_retries;
	struct list segments;		/* in order of arrival */
	struct sim_event arrival;	/* of the first */
	struct sim_event ack;
	struct sim_event probe;		/* window closed, or keep-alive */
	struct sim_event give_up;
};

struct tcp_connection {
	struct list link;
	struct sim_net *net;
	uint64_t serial;
	struct sim_host *hosts[2];
	struct net_address addresses[2];	/* of the ends; [0] began it */
	struct sim_socket *ends[2];	/* NULL: gone */
	bool alive[2];			/* does that end answer on the network? */
	unsigned n_dropped;		/* SYNs that found the listener's queue full */
	struct tcp_way ways[2];		/* [i]: from end i */
};

static inline struct tcp_way *tcp_out(struct sim_socket *k)
{
	return &k->tcp->ways[k->side];
}

static inline struct tcp_way *tcp_in(struct sim_socket *k)
{
	return &k->tcp->ways[!k->side];
}

static inline size_t tcp_readable(struct sim_socket *k)
{
	return k->tcp ? tcp_in(k)->received - tcp_in(k)->read : 0;
}

/* tcp.c */
void rondo__sim_tcp_arrived(struct tcp_way *w, enum tcp_kind kind);
/* The end is out of the connection: told by the peer, by time, or by itself. Frees orphans. */
void rondo__sim_tcp_end(struct sim_socket *k, int error);
/* Both directions may be over now. */
void rondo__sim_tcp_check_over(struct sim_socket *k);

/* tcp_stream.c */
long rondo__sim_tcp_send(struct sim_socket *k, struct net_io *x);
long rondo__sim_tcp_receive(struct sim_socket *k, struct net_io *x);
unsigned rondo__sim_tcp_poll(struct sim_socket *k);
bool rondo__sim_tcp_has_room(struct sim_socket *k);

/* tcp_wire.c */
struct tcp_connection *rondo__sim_tcp_make(struct sim_socket *k, struct sim_host *to);
void rondo__sim_tcp_attach(struct tcp_connection *c, unsigned side, struct sim_socket *k);
/* The socket leaves; the connection is freed with its last end. */
void rondo__sim_tcp_detach(struct sim_socket *k);
void rondo__sim_tcp_push(struct tcp_way *w, enum tcp_kind kind, uint64_t extra_ns);
/* Send what the window allows. */
void rondo__sim_tcp_transmit(struct tcp_way *w);
/* Tell the sender what has come and how much may: an acknowledgement begins its way back. */
void rondo__sim_tcp_ack(struct tcp_way *w);
/* It is there, perhaps on the back of another segment. May free the sender, if it is an orphan. */
void rondo__sim_tcp_acked(struct tcp_way *w);
/* End from says no more, and forgets what it has not sent. */
void rondo__sim_tcp_mute(struct tcp_way *w);
/* Somebody waits for an answer: not for ever. */
void rondo__sim_tcp_watch(struct tcp_way *w);
/* SO_SNDBUF, SO_RCVBUF have changed. */
void rondo__sim_tcp_resize(struct sim_socket *k);
#endif
