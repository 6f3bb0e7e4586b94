/* SPDX-License-Identifier: MIT */
/* echo.h - what the parts of the workload `echo` share. */
#ifndef RONDO_TOOLS_SIM_ECHO_H
#define RONDO_TOOLS_SIM_ECHO_H

#include "sim/sim.h"

enum { ECHO_PORT = 7 };
#define ECHO_HOST "10.0.0.2"
#define ECHO_PROXY "10.0.0.3"

/* Forward a connection to ECHO_HOST and back, without the bytes coming to user memory. */
int echo_relay(int fd);
/* Echo datagrams until cancelled. */
int echo_datagrams(void *arg);
/* Send some datagrams and have them back, in spite of loss. 0 or an error. */
int echo_exchange_datagrams(void);
/* As rondo_send_all(), in one of three ways. */
int echo_send_all(int fd, unsigned char *buf, size_t len);

#endif
