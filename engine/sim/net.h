/* SPDX-License-Identifier: MIT */
/* net.h - sockets of the simulated hosts, and the network between them. Layer 9.
 *
 *   socket_ops.c    the ring's ops: accept, connect, send, receive
 *   socket_call.c   the plain calls; socket_option.c: options
 *   socket.c        what all sockets share; address.c: INET addresses and ports
 *   tcp.c           connections: how they begin and end; tcp_stream.c: bytes and windows;
 *                   tcp_wire.c: segments on their way, lost, late, acknowledged
 *   udp.c, unix.c, unix_stream.c, message.c (what they queue), rights.c (descriptors in messages)
 *   net.c           links: delay, loss, partitions
 *
 * M1  A socket lives until its last descriptor is closed and the network is done with it: what was
 *     queued is still sent (an orphan), and a port stays taken for a while (TIME_WAIT).
 * M2  Bytes of one direction of a stream lie in one queue, from the send to the receive; segments
 *     only move its marks. So they arrive in order and once, however late, as TCP has it. A hash
 *     of what went in and one of what came out keep the queue honest (P10).
 * M3  What a host learns of another travels on the link between them. A host without power learns
 *     and answers nothing. */
#ifndef RONDO_SIM_NET_H
#define RONDO_SIM_NET_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sim/ops.h"

/* --- addresses ------------------------------------------------------------------------------- */

/* 10.0.0.N and fd00::N are host N, 127.0.0.1 and ::1 is whoever asks. */
enum { NET_ANY = 0, NET_LOOPBACK = 0x7f000001, NET_HOST = 0x0a000000 };

struct net_address {
	uint32_t ip;			/* as IPv4's, also of IPv6 */
	uint16_t port;
	bool v6;			/* false for ::ffff:10.0.0.N too: such packets are IPv4 */
};

union net_name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

/* --- messages -------------------------------------------------------------------------------- */

enum { NET_RIGHTS_MAX = 253 };		/* SCM_MAX_FD */

/* Open files on their way in a message (SCM_RIGHTS), each with a reference. */
struct net_rights {
	unsigned n;
	struct sim_file *files[NET_RIGHTS_MAX];
};

struct sim_socket;

/* A datagram or packet, or bytes of an AF_UNIX stream. */
struct net_message {
	struct list link;		/* in the receiver's messages */
	struct list sent_link;		/* in the sender's sent */
	struct sim_socket *sender;	/* AF_UNIX, who pays for it; NULL once it is gone */
	size_t charge;			/* what it costs of a buffer limit */
	size_t n_bytes, n_used;
	struct net_rights *rights;
	union net_name from;
	socklen_t from_len;
	char data[];
};

/* --- sockets --------------------------------------------------------------------------------- */

enum net_state {
	NET_CLOSED,			/* also: of no connection yet, or no longer */
	NET_LISTENING,
	NET_CONNECTING,			/* SYN_SENT */
	NET_ARRIVING,			/* SYN_RECV: belongs to its listener */
	NET_CONNECTED,
	NET_TIME_WAIT,			/* only its port is left */
};

enum { NET_SHUT_RECEIVE = 1, NET_SHUT_SEND = 2, NET_SHUT_BOTH = 3 };

/* What is moved by one call or try: the socket's side of struct sim_io. */
struct net_io {
	struct sim_io *io;
	size_t skip;			/* of io's bytes, moved by earlier tries */
	const struct sockaddr *to;	/* send: NULL: to the peer */
	socklen_t to_len;
	union net_name from;		/* receive */
	socklen_t from_len;
	struct net_rights *rights;	/* send: taken by success. receive: what came, ours now */
	int flags_out;			/* MSG_TRUNC, MSG_CTRUNC */
};

/* A kind of socket. Returns as struct sim_file_class; a missing function is -EOPNOTSUPP. */
struct net_protocol {
	const char *name;
	int ip_protocol;		/* IPPROTO_*, 0 for AF_UNIX */
	long (*send)(struct sim_socket *k, struct net_io *x);
	long (*receive)(struct sim_socket *k, struct net_io *x);
	unsigned (*poll)(struct sim_socket *k);
	int (*bind)(struct sim_socket *k, const struct sockaddr *addr, socklen_t len);
	int (*listen)(struct sim_socket *k, int backlog);
	/* 0, -EINPROGRESS: it goes on by itself, -EAGAIN: not now, -errno. */
	int (*connect)(struct sim_socket *k, const struct sockaddr *addr, socklen_t len);
	int (*shutdown)(struct sim_socket *k, unsigned how);
	/* The last descriptor is closed: end the connection, and free it then or later (M1). */
	void (*release)(struct sim_socket *k);
	/* Its own name, or its peer's. The length, or -ENOTCONN. */
	int (*name_of)(struct sim_socket *k, bool peer, union net_name *name);
};

extern const struct net_protocol rondo__sim_tcp, rondo__sim_udp, rondo__sim_unix_stream,
	rondo__sim_unix_message;

struct net_options {
	bool reuse_address, reuse_port, v6_only, no_delay, keep_alive, broadcast;
	struct linger linger;
	uint32_t send_bytes, receive_bytes;	/* as getsockopt tells: twice what was set */
	uint32_t user_timeout_ms;		/* 0: as the system has it */
	uint32_t idle_s, interval_s, n_probes;	/* of keep_alive */
};

struct net_unix_name;
struct tcp_connection;

struct sim_socket {
	struct sim_file file;		/* first */
	struct list link;		/* in net->sockets */
	const struct net_protocol *protocol;
	int domain, type;
	enum net_state state;
	unsigned shut;			/* NET_SHUT_* */
	int error;			/* positive; to be told once (SO_ERROR) */
	struct net_options options;
	bool orphan;			/* no descriptor is left */
	bool connects;			/* whoever calls connect(2) again is told how it went */

	/* a listener, and who waits there */
	unsigned backlog, n_arriving;	/* the latter NET_ARRIVING */
	unsigned n_queued;
	struct list queue;		/* connections to accept */
	uint64_t refusals_since_ns;	/* of accepts, for want of descriptors (P14) ... */
	unsigned n_refusals;		/* ... and how many in the second from then on */
	struct sim_socket *listener;	/* of a connection not accepted yet */
	struct list queue_link;

	/* INET */
	struct net_address here, there;	/* port 0: none yet */
	bool bound_by_program;		/* rather than by connect */
	struct tcp_connection *tcp;
	unsigned side;			/* which end of it */
	bool closed_first;		/* sent its FIN before the peer's came */
	struct sim_event timer;		/* FIN_WAIT2, TIME_WAIT */

	/* AF_UNIX, and UDP's messages */
	struct list messages;		/* to be received */
	size_t n_message_bytes;		/* their charge */
	struct list sent;		/* messages of ours that wait elsewhere */
	size_t n_sent_bytes;		/* their charge */
	struct sim_socket *peer;
	struct list peers;		/* datagram sockets connected to us */
	struct list peers_link;
	bool peer_is_gone;		/* a datagram socket's; the next send is told */
	struct net_unix_name *name;
	union net_name listener_name;	/* of a connection accepted there */
	int name_len;			/* 0: it was not */
};

static inline struct sim_socket *socket_of(struct sim_file *f)
{
	return (struct sim_socket *)f;
}

static inline bool socket_is_dgram(const struct sim_socket *k)
{
	return k->type == SOCK_DGRAM;
}

extern const struct sim_file_class rondo__sim_socket_class;

/* A socket with one reference. */
struct sim_socket *rondo__sim_socket_make(struct sim_host *h, const struct net_protocol *protocol,
					  int domain, int type, int flags);
/* Release is done with it. */
void rondo__sim_socket_free(struct sim_socket *k);
/* -EBADF, -ENOTSOCK, or 0 and a borrowed socket. */
int rondo__sim_socket_get(struct sim_host *h, int fd, struct sim_socket **k);
/* The error to tell: -errno once, then 0. */
int rondo__sim_socket_error(struct sim_socket *k);
/* Something happened: let waiters look, in an order that is drawn (KN-13). */
void rondo__sim_socket_notify(struct sim_socket *k, unsigned events);
/* Send or receive now. SIM_WAIT: not possible yet. */
long rondo__sim_socket_send(struct sim_socket *k, struct net_io *x);
long rondo__sim_socket_receive(struct sim_socket *k, struct net_io *x);
/* A descriptor for the connection that waits longest. SIM_WAIT, -EINVAL, -EMFILE. */
long rondo__sim_socket_accept(struct sim_socket *k, int flags, union net_name *name,
			      socklen_t *name_len);
/* A connection waits at its listener / does so no more. */
void rondo__sim_socket_enqueue(struct sim_socket *listener, struct sim_socket *k);
void rondo__sim_socket_dequeue(struct sim_socket *k);
/* Drop what nobody will accept. */
void rondo__sim_socket_drop_queue(struct sim_socket *listener);
/* Write a name where a call wants it: as much as has room; *len_out is how long it is. */
void rondo__sim_socket_put_name(const union net_name *name, socklen_t len, struct sockaddr *addr,
				socklen_t *len_out);
static inline bool socket_is_silent(const struct sim_socket *k)
{
	/* The power is gone: nothing more goes out. */
	return k->file.host->state == SIM_HOST_OFF;
}

/* socket_option.c */
void rondo__sim_socket_defaults(struct sim_socket *k);

/* --- address.c ------------------------------------------------------------------------------- */

/* 0, -EINVAL or -EAFNOSUPPORT. */
int rondo__sim_address_read(const struct sim_socket *k, const struct sockaddr *addr, socklen_t len,
			    struct net_address *a);
/* As a socket of that domain shows it. Returns its length. */
int rondo__sim_address_write(int domain, const struct net_address *a, union net_name *name);
/* Give the socket its address; port 0: a free one. */
int rondo__sim_address_bind(struct sim_socket *k, const struct sockaddr *addr, socklen_t len);
int rondo__sim_address_bind_for(struct sim_socket *k, const struct net_address *to);
void rondo__sim_address_unbind(struct sim_socket *k);
int rondo__sim_address_name(struct sim_socket *k, bool peer, union net_name *name);
/* -EADDRINUSE if the port is another listener's, too. */
int rondo__sim_address_listen(struct sim_socket *k);
/* The host at an address, seen from h: 0, -ENETUNREACH; *host is NULL if there is none there. */
int rondo__sim_address_host(struct sim_host *h, const struct net_address *a,
			    struct sim_host **host);
/* Who listens (TCP) or is bound (UDP) there; from decides between connected UDP sockets. */
struct sim_socket *rondo__sim_address_find(struct sim_host *h, const struct net_protocol *protocol,
					   const struct net_address *to,
					   const struct net_address *from);

/* --- net.c ----------------------------------------------------------------------------------- */

enum { NET_RETRY_NS = 200000000 };	/* TCP's first retransmission */

/* Is there a way from one host to the other now (M3)? */
bool rondo__sim_net_reaches(struct sim_host *from, struct sim_host *to);
/* Is it cut only by a fault, which will end? */
bool rondo__sim_net_is_fault(struct sim_host *from, struct sim_host *to);
/* How long a packet takes, if nothing happens to it. */
uint64_t rondo__sim_net_delay(struct sim_host *from, struct sim_host *to);
/* The same for one that is sent again if it is lost. */
uint64_t rondo__sim_net_delay_tcp(struct sim_host *from, struct sim_host *to);

struct sim_net {
	struct sim *sim;
	struct list sockets;		/* all, oldest first */
	struct list connections;	/* TCP's, oldest first */
	struct list datagrams;		/* UDP's, in flight */
	struct list names;		/* AF_UNIX's */
	struct list cuts;		/* partitions */
	uint64_t n_connections;
	uint16_t next_port[SIM_HOSTS_MAX + 1];
	uint32_t next_name;		/* of AF_UNIX sockets that bind to no name */
	uint64_t link_ns[SIM_HOSTS_MAX + 1][SIM_HOSTS_MAX + 1];	/* 0: not drawn yet */
};

/* tcp_wire.c, udp.c, unix.c: their part of what concerns all. */
void rondo__sim_tcp_heal(struct sim_net *n);
void rondo__sim_udp_free_all(struct sim_net *n);
void rondo__sim_unix_free_all(struct sim_net *n);

/* --- message.c, rights.c --------------------------------------------------------------------- */

/* A message with x's bytes, skipping what was moved; takes x's rights. */
struct net_message *rondo__sim_message_make(struct net_io *x, size_t n_bytes);
void rondo__sim_message_push(struct sim_socket *to, struct net_message *m);
/* Out of its queue, which the sender is told of; then freed, with the rights it still has. */
void rondo__sim_message_free(struct sim_socket *at, struct net_message *m);
void rondo__sim_message_free_all(struct sim_socket *k);
/* Receive the first message whole. Not if there is none. */
long rondo__sim_message_receive(struct sim_socket *k, struct net_io *x);

void rondo__sim_rights_free(struct net_rights *r);
struct net_rights *rondo__sim_rights_copy(const struct net_rights *r);
/* The rights in control data of a message to be sent: 0 or -errno; NULL if there are none. */
int rondo__sim_rights_read(struct sim_host *h, const struct msghdr *msg, struct net_rights **r);
/* Install them and write control data; sets what msg says of it. Frees r. */
void rondo__sim_rights_write(struct sim_host *h, struct net_rights *r, struct msghdr *msg);

/* Remove the name of a socket in the file system, for unlink. 0 or -ENOENT. */
int rondo__sim_unix_unlink(struct sim_host *h, const char *path);
#endif
