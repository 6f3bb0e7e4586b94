/* SPDX-License-Identifier: MIT */
/* unix.h - what AF_UNIX streams (unix_stream.c) share with its packets (unix.c). Layer 9. */
#ifndef RONDO_SIM_UNIX_H
#define RONDO_SIM_UNIX_H

#include "sim/net.h"

int rondo__sim_unix_bind(struct sim_socket *k, const struct sockaddr *addr, socklen_t len);
int rondo__sim_unix_listen(struct sim_socket *k, int backlog);
int rondo__sim_unix_connect(struct sim_socket *k, const struct sockaddr *addr, socklen_t len);
int rondo__sim_unix_shutdown(struct sim_socket *k, unsigned how);
void rondo__sim_unix_release(struct sim_socket *k);
int rondo__sim_unix_name(struct sim_socket *k, bool peer, union net_name *name);
int rondo__sim_unix_write_name(const struct net_unix_name *n, union net_name *name);
unsigned rondo__sim_unix_poll(struct sim_socket *k);
bool rondo__sim_unix_has_room(const struct sim_socket *k);
/* Connect two new sockets. */
void rondo__sim_unix_join(struct sim_socket *a, struct sim_socket *b);
/* Not connected to its peer any more, as far as it knows. */
void rondo__sim_unix_part(struct sim_socket *k);
#endif
