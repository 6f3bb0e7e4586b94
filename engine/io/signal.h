/* SPDX-License-Identifier: MIT */
/* signal.h - what other files need of signal.c. Layer 4. */
#ifndef RONDO_IO_SIGNAL_H
#define RONDO_IO_SIGNAL_H

#include "loop/loop.h"
#include "rondo/signal.h"

/* Stop receiving now; the descriptors stay for rondo_signal_close(). */
void rondo__signal_leave(rondo_signal *r);
/* Close one that nobody waits for; does not await. */
void rondo__signal_drop(rondo_signal *r);
/* Whoever had `handler` before us has taken it back: what is put back is `instead`. */
void rondo__signals_forget(const struct kernel *k, int signal, void (*handler)(int),
			   const struct sigaction *instead);
#endif
