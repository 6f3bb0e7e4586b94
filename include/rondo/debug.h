/* SPDX-License-Identifier: MIT */
/* debug.h - looking into a running program: backtraces, the graph of who awaits whom, and what
 * debug mode measures.
 *
 * rondo_options.debug is asyncio's debug mode. on_error is then also told of
 *   - a task that runs for longer than slow_seconds without awaiting, with a backtrace that was
 *     taken while it did (report->details); and on_stuck at once, from another thread;
 *   - a task that goes on awaiting after it was told to stop;
 *   - handles that were never used up and descriptors that were never closed, when the loop closes.
 * Where a task was created is known, and told with each report that concerns it.
 *
 * The library reads no environment variable unasked: a program that wants RONDO_DEBUG=1 to turn on
 * debug mode runs with rondo_options_from_environment(). For the backtraces, debug mode takes a signal, SIGURG unless options say otherwise,
 * if nobody else has it, until the last loop in debug mode closes; a call that blocks the thread
 * may then fail with EINTR, and a thread for each loop watches over it. Without debug mode there is
 * none of it, and it costs nothing. */
#ifndef RONDO_DEBUG_H
#define RONDO_DEBUG_H

#include "rondo/base.h"
#include "rondo/task.h"

RONDO_BEGIN_DECLS

/* Make options of the environment: with RONDO_DEBUG set, and not to nothing or to 0, debug mode, whose
 * reports rondo_report_print() prints; else defaults. What PYTHONASYNCIODEBUG is to asyncio, but only
 * for who asks:
 *
 *     return rondo_run_with(rondo_options_from_environment(), main_task, NULL) < 0;
 *
 * Owns:    the options are the library's, for this thread, and hold until its next call; copy them to
 *          add to them.
 * Awaits:  no.
 * Returns: the options. */
RONDO_API const struct rondo_options *rondo_options_from_environment(void);

/* Find out which calls led to where a task waits, innermost first; for the running task, to here.
 * Reads unwind tables where the C library can (glibc), else follows frame pointers.
 *
 * Owns:    fills frames.
 * Awaits:  no. Only on the task's own thread.
 * Returns: the number of frames; 0 if the task is done. */
RONDO_API unsigned rondo_task_backtrace(rondo_task *task, void *frames[], unsigned n_frames);

/* Find out which calls led to the creation of a task; debug mode only.
 *
 * Owns:    fills frames.
 * Awaits:  no. Only on the task's own thread.
 * Returns: the number of frames; 0 if it is not known. */
RONDO_API unsigned rondo_task_created_at(const rondo_task *task, void *frames[], unsigned n_frames);

/* Describe a frame for people: "function+0x1c (file)", or "file+0x1234" for addr2line.
 *
 * Owns:    writes a string of at most size_bytes into buf.
 * Awaits:  no. */
RONDO_API void rondo_frame_describe(const void *frame, char *buf, size_t size_bytes);

/* Takes text piece by piece: to print it, to keep it, to send it. Must not await. */
typedef void rondo_sink(const char *text, size_t n_bytes, void *arg);

enum rondo_graph_flags {
	RONDO_GRAPH_JSON = 1,		/* one JSON array of tasks; else a tree for people */
	RONDO_GRAPH_BACKTRACES = 2	/* and each task's backtrace */
};

/* Write down all tasks of this loop that are not done: what each waits for, and which tasks it
 * awaits, by await, shield, gather, wait, as_completed or a group: print_call_graph(), `asyncio
 * pstree`. The tree begins with the tasks that nobody awaits; one that was shown before is named
 * again and not followed, "cycle" where they await each other.
 *
 *     Task-1 [running]
 *       fetch [waiting: sleep]
 *
 * Owns:    arg stays the caller's.
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: the number of tasks, or -ENOMEM. */
RONDO_API int rondo_graph_write(rondo_sink *sink, void *arg, unsigned flags);

/* What debug mode has measured: steps are what runs between two awaits. */
struct rondo_debug_stats {
	uint64_t n_steps;
	uint64_t n_slow;		/* longer than slow_seconds */
	uint64_t longest_ns;
	uint64_t n_by_log2_ns[40];	/* [i]: of 2^i to 2^(i+1) ns */
};

/* Read what was measured on the calling thread's loop; all zero where none is in debug mode.
 *
 * Awaits:  no. */
RONDO_API void rondo_debug_stats(struct rondo_debug_stats *stats);

RONDO_END_DECLS
#endif
