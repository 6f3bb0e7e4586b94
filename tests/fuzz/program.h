/* SPDX-License-Identifier: MIT */
/* program.h - an input of the fuzzer as a program of calls of rondo, and what its parts share.
 *
 * The input is a header and then instructions of four bytes. END separates routines; the first
 * one is the first task's, and a routine can only call or start later ones, so every program ends.
 * Objects (tasks, descriptors, locks, ...) lie in numbered slots that all tasks share: who uses
 * one up takes it out of its slot first, and so keeps the rules of the API whatever the program
 * does. */
#ifndef RONDO_TESTS_FUZZ_PROGRAM_H
#define RONDO_TESTS_FUZZ_PROGRAM_H

#include <rondo_sim.h>

enum {
	HEADER_SIZE = 12,
	N_SLOTS = 8,			/* of each kind but descriptors */
	N_ENDS = 16,
	N_STREAMS = 24,
	N_ROUTINES = 12,
	N_STEPS = 500,			/* instructions that a program may execute */
	N_TASKS = 40,			/* tasks that it may start */
	N_PERMITS = 2,
};

struct instruction {
	uint8_t op, a, b, c;
};

/* What c says when the instruction fails. */
enum { ON_CANCEL_DECLINE = 1, ON_CANCEL_UNCANCEL = 2, ON_ERROR_RETURN = 4 };

/* Bytes on their way in one direction, all of one value. */
struct stream {
	uint8_t byte;
	uint64_t n_written, n_read;
	uint64_t n_asked;		/* of writes that have not returned */
	bool lossy;			/* bytes may be dropped without anybody's fault */
	bool mixed;			/* bytes of others may be among them */
};

/* A descriptor. */
struct end {
	int fd;				/* -1: none */
	struct stream *in, *out;	/* NULL: nobody counts */
	bool is_stream_socket, is_file;
};

struct queue {
	struct rondo_queue queue;
	uint64_t n_offered, n_put, n_got, n_dropped, last_got;
};

struct program {
	const struct instruction *code;
	unsigned starts[N_ROUTINES], ends_at[N_ROUTINES], n_routines;
	unsigned n_steps, n_tasks;	/* that are left */
	bool stopping;			/* every instruction is -ECANCELED now */
	bool cancels;			/* something was done that may cancel somebody */
	uint64_t n_created, n_ended, n_dropped;

	rondo_task *tasks[N_SLOTS];
	struct rondo_done_callback callbacks[N_SLOTS];
	bool callback_is_waiting[N_SLOTS];
	struct rondo_future futures[N_SLOTS];
	unsigned n_loop_calls;		/* made, and not yet come back */

	struct rondo_lock locks[N_SLOTS];
	struct rondo_condition conditions[N_SLOTS];
	struct rondo_event events[N_SLOTS];
	struct rondo_semaphore semaphores[N_SLOTS];
	struct rondo_barrier barriers[N_SLOTS];
	struct rondo_rwlock rwlocks[N_SLOTS];
	struct rondo_once onces[N_SLOTS];
	struct rondo_waitgroup waitgroups[N_SLOTS];
	unsigned n_in_lock[N_SLOTS], n_in_semaphore[N_SLOTS], n_readers[N_SLOTS],
		n_writers[N_SLOTS];
	struct queue queues[N_SLOTS];

	struct end ends[N_ENDS];
	struct stream streams[N_STREAMS];
	unsigned n_streams;
	struct rondo_receiver *receivers[N_SLOTS];
	struct stream *received[N_SLOTS];
	uint32_t words[N_SLOTS];	/* for futexes */
};

/* Where a task is: its routine, and what it is inside of. */
struct context {
	struct program *p;
	unsigned routine;
	unsigned held;			/* a bit for each lock */
	bool in_mask;
	bool is_listed;			/* other tasks may await it */
	struct rondo_task_group *group;	/* innermost; also the one the task is a child of */
	struct rondo_timeout *limit;	/* innermost of its own */
};

typedef int operation(struct context *c, const struct instruction *in);

/* program.c */
int program_call(struct context *c, unsigned routine);
uint64_t program_delay_ns(uint8_t which);
double program_seconds(uint8_t which);
size_t program_size(uint8_t which);

/* program_tasks.c */
operation op_spawn, op_sleep, op_yield, op_cancel, op_await, op_await_ref, op_gather,
	op_shield, op_detach, op_wait, op_as_completed, op_wait_for, op_limit, op_reschedule,
	op_mask, op_group, op_group_spawn, op_group_ready, op_started, op_group_cancel, op_call,
	op_uncancel, op_fail, op_look, op_callback, op_future, op_call_soon, op_repeat;
/* program_sync.c */
operation op_lock, op_condition, op_event, op_semaphore, op_barrier, op_rwlock, op_once,
	op_waitgroup, op_put, op_get, op_queue;
/* program_io.c */
operation op_pipe, op_open, op_close, op_read, op_write, op_read_at, op_write_at, op_read_exactly,
	op_write_all, op_file, op_name, op_splice, op_poll, op_futex, op_child;
/* program_net.c */
operation op_socketpair, op_listen, op_connect, op_accept, op_send, op_recv, op_shutdown,
	op_receiver, op_receive, op_datagram;

void program_tasks_begin(struct program *p);
void program_tasks_end(struct program *p);
void program_sync_begin(struct program *p);
void program_sync_end(struct program *p);
void program_io_end(struct program *p);
void program_net_end(struct program *p);

/* program_io.c: streams and slots of descriptors. */
void program_put_end(struct program *p, unsigned where, struct end e);
struct stream *program_stream(struct program *p);
void program_sent(struct stream *s, ssize_t n);
void program_check_bytes(struct stream *s, const uint8_t *bytes, ssize_t n);
ssize_t program_transfer(struct end e, const struct instruction *in, bool out,
			 ssize_t (*transfer)(struct end e, void *buf, size_t len,
					     const struct instruction *in));
#endif
