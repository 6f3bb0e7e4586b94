/* SPDX-License-Identifier: MIT */
/* tcp_stream.c - what a program does with a TCP connection: send, receive, poll. See tcp.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/tcp.h"

/* --- the queue of bytes ---------------------------------------------------------------------- */

/* So that any change, loss or swap shows (P10). */
static uint64_t hash_on(uint64_t hash, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = hash * UINT64_C(0x9e3779b97f4a7c15) + (unsigned char)p[i] + 1;
	return hash;
}

/* Where the byte at a mark lies, and how many follow it there. */
static char *at_mark(const struct tcp_way *w, uint64_t mark, size_t *n)
{
	size_t i = mark & (w->capacity - 1);

	*n = w->capacity - i;
	return w->bytes + i;
}

static void reserve(struct tcp_way *w, size_t n)
{
	struct tcp_way old = *w;
	size_t part;

	if (w->written - w->read + n <= w->capacity)
		return;
	w->capacity = w->capacity ? w->capacity : 1024;
	while (w->capacity < w->written - w->read + n)
		w->capacity *= 2;
	w->bytes = rondo__sim_alloc(w->capacity);
	for (uint64_t mark = w->read; mark < w->written; mark++)
		*at_mark(w, mark, &part) = *at_mark(&old, mark, &part);
	free(old.bytes);
}

static void put(struct tcp_way *w, const struct net_io *x, size_t n)
{
	size_t skip = x->skip;

	reserve(w, n);
	while (n) {
		size_t part;
		char *to = at_mark(w, w->written, &part);

		part = part < n ? part : n;
		rondo__sim_copy_in(x->io, skip, to, part);
		w->hash_in = hash_on(w->hash_in, to, part);
		w->written += part;
		skip += part;
		n -= part;
	}
}

static void check_stream(const struct tcp_way *w)
{
	if (w->read == w->written && !w->cut_short && w->hash_in != w->hash_out)
		rondo__sim_fail(w->tcp->net->sim, "P10", "connection %llu: what came out is not "
				"what went in", (unsigned long long)w->tcp->serial);
}

/* MSG_TRUNC throws the bytes away, on TCP. */
static void take(struct tcp_way *w, struct net_io *x, size_t n)
{
	uint64_t mark = w->read;
	size_t skip = x->skip;

	while (n) {
		size_t part;
		const char *from = at_mark(w, mark, &part);

		part = part < n ? part : n;
		if (!(x->io->flags & MSG_TRUNC))
			rondo__sim_copy_out(x->io, skip, from, part);
		if (!(x->io->flags & MSG_PEEK)) {
			w->hash_out = hash_on(w->hash_out, from, part);
			w->read += part;
		}
		mark += part;
		skip += part;
		n -= part;
	}
	check_stream(w);
}

/* --- sending --------------------------------------------------------------------------------- */

static size_t room_of(struct sim_socket *k)
{
	const struct tcp_way *w = tcp_out(k);
	size_t n = w->written - w->acked;

	return n < w->room ? w->room - n : 0;
}

/* Writers are told when a third of the buffer is free, not at the first byte. */
bool rondo__sim_tcp_has_room(struct sim_socket *k)
{
	return room_of(k) >= (tcp_out(k)->written - tcp_out(k)->acked + 1) / 2;
}

long rondo__sim_tcp_send(struct sim_socket *k, struct net_io *x)
{
	size_t n = x->io->n_bytes - x->skip, room;
	int ret;

	if (k->error || k->shut & NET_SHUT_SEND) {
		ret = rondo__sim_socket_error(k);
		return ret ? ret : -EPIPE;
	}
	if (k->state != NET_CONNECTED)
		return k->state == NET_CONNECTING ? SIM_WAIT : -EPIPE;
	if (!n)
		return 0;
	room = room_of(k);
	if (!room)
		return SIM_WAIT;
	n = rondo__sim_shorten(k->file.host->sim, SIM_FAULT_SHORT_WRITE, n < room ? n : room);
	put(tcp_out(k), x, n);
	rondo__sim_tcp_transmit(tcp_out(k));
	return (long)n;
}

/* --- receiving ------------------------------------------------------------------------------- */

/* The sender hears of room when there is a good deal more than it knows of. */
static void tell_room(struct tcp_way *w)
{
	if ((w->read + w->window - w->limit) * 2 >= w->window && w->read + w->window > w->limit)
		rondo__sim_tcp_ack(w);
}

static long nothing_there(struct sim_socket *k)
{
	int ret;

	if (k->state == NET_LISTENING)
		return -ENOTCONN;
	if (k->tcp && tcp_in(k)->fin_received)
		return 0;
	ret = rondo__sim_socket_error(k);
	if (ret || k->shut & NET_SHUT_RECEIVE)
		return ret;
	return k->state == NET_CLOSED ? -ENOTCONN : SIM_WAIT;
}

long rondo__sim_tcp_receive(struct sim_socket *k, struct net_io *x)
{
	size_t n = x->io->n_bytes - x->skip, there = tcp_readable(k);

	if (!there)
		return nothing_there(k);
	n = rondo__sim_shorten(k->file.host->sim, SIM_FAULT_SHORT_READ, n < there ? n : there);
	take(tcp_in(k), x, n);
	tell_room(tcp_in(k));
	return (long)n;
}

/* --- poll ------------------------------------------------------------------------------------ */

unsigned rondo__sim_tcp_poll(struct sim_socket *k)
{
	unsigned events = k->error ? POLLERR : 0;

	if (k->state == NET_LISTENING)
		return events | (list_empty(&k->queue) ? 0 : POLLIN);
	if (k->shut == NET_SHUT_BOTH || k->state == NET_CLOSED)
		events |= POLLHUP;
	if (k->shut & NET_SHUT_RECEIVE)
		events |= POLLIN | POLLRDHUP;
	if (k->state == NET_CONNECTING)
		return events;
	if (tcp_readable(k))
		events |= POLLIN;
	if (k->shut & NET_SHUT_SEND || !k->tcp || rondo__sim_tcp_has_room(k))
		events |= POLLOUT;
	return events;
}
