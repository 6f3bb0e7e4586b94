/* SPDX-License-Identifier: MIT */
/* rondo.h - everything: include this one, or just the topic headers you use. */
#ifndef RONDO_H
#define RONDO_H

#include "rondo/base.h"
#include "rondo/call.h"
#include "rondo/channel.h"
#include "rondo/context.h"
#include "rondo/debug.h"
#include "rondo/dns.h"
#include "rondo/file.h"
#include "rondo/future.h"
#include "rondo/generator.h"
#include "rondo/group.h"
#include "rondo/loop.h"
#include "rondo/memory.h"
#include "rondo/net.h"
#include "rondo/poll.h"
#include "rondo/probe.h"
#include "rondo/process.h"
#include "rondo/queue.h"
#include "rondo/random.h"
#include "rondo/runner.h"
#include "rondo/select.h"
#include "rondo/signal.h"
#include "rondo/socket.h"
#include "rondo/splice.h"
#include "rondo/stream.h"
#include "rondo/sync.h"
#include "rondo/task.h"
#include "rondo/thread.h"
#include "rondo/time.h"
#include "rondo/udp.h"
#include "rondo/wait.h"
#include "rondo/xchannel.h"

#endif
