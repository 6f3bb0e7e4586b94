/* SPDX-License-Identifier: MIT */
/* process.h - child processes: start them, talk to them, wait for them. Without SIGCHLD.
 *
 *     static const char *const argv[] = { "sort", "-n", NULL };
 *     struct rondo_process_options o = { .argv = argv };
 *     struct rondo_process_result result;
 *     int ret = rondo_process_run(&o, "2\n1\n", 4, &result);
 *
 * A child's returncode is asyncio's: its exit code, or less than zero: the number of the signal that
 * killed it. Only its own pid is ever waited for, so libraries that have children of their own are
 * not disturbed. */
#ifndef RONDO_PROCESS_H
#define RONDO_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "rondo/base.h"
#include "rondo/stream.h"

RONDO_BEGIN_DECLS

/* --- what a child is ------------------------------------------------------------------------- */

enum rondo_stdio_kind {
	RONDO_STDIO_DEFAULT,		/* INHERIT; for rondo_process_run() see there */
	RONDO_STDIO_INHERIT,		/* ours */
	RONDO_STDIO_PIPE,		/* a pipe to us: rondo_process_stdin(), stdout(), stderr() */
	RONDO_STDIO_DEVNULL,
	RONDO_STDIO_STDOUT,		/* of err only: where out goes */
	RONDO_STDIO_FD			/* the descriptor fd, which stays the caller's */
};

struct rondo_stdio {
	enum rondo_stdio_kind kind;
	int fd;				/* of RONDO_STDIO_FD */
};

/* Whom ^C at the terminal and a kill of the group reach. A group of its own is no longer in the
 * foreground of the terminal: ^C does not reach it, and reading from the terminal stops it. */
enum rondo_process_group {
	RONDO_GROUP_DEFAULT,		/* OURS, as in asyncio; rondo_process_run(): OWN */
	RONDO_GROUP_OURS,
	RONDO_GROUP_OWN,		/* child and grandchildren can be killed together */
	RONDO_GROUP_SESSION		/* and a session: no terminal at all */
};

/* What rondo_process_close() does with a child that runs (row B6). */
enum rondo_on_close {
	RONDO_CLOSE_KILLS,		/* SIGKILL, to its group if that is its own */
	RONDO_CLOSE_WAITS,		/* its pipes are closed; then wait until it ends */
	RONDO_CLOSE_DETACHES		/* let it run; it is reaped when it ends, while this loop runs */
};

/* How much output rondo_process_communicate() takes, in bytes. 0: 64 MiB. */
struct rondo_process_limits {
	size_t out, err;
};

/* Zero means default; argv or shell must be set. */
struct rondo_process_options {
	const char *const *argv;	/* ends with NULL; argv[0] is looked for in PATH */
	const char *shell;		/* instead: a command for /bin/sh -c */
	struct rondo_stdio in, out, err;
	const char *cwd;		/* NULL: ours. argv[0] with a '/' is relative to it */
	const char *const *env;		/* "NAME=value", ends with NULL; its PATH counts. NULL: ours */
	const int *pass_fds;		/* to stay open in the child, with their numbers; no others do */
	size_t n_pass_fds;
	enum rondo_process_group group;
	enum rondo_on_close on_close;
	struct rondo_stream_options stream;	/* of the pipes; keep_fd does not count */
	struct rondo_process_limits limits;	/* of rondo_process_run() */
};

typedef struct rondo_process rondo_process;

/* --- life ------------------------------------------------------------------------------------ */

/* Start a child: create_subprocess_exec() and create_subprocess_shell(). In the child no signal is
 * blocked or caught, SIGPIPE kills, what is ignored else stays ignored; no descriptor is open but 0,
 * 1, 2 and pass_fds. The thread is blocked from fork to exec, a tenth of a millisecond or so.
 *
 * Owns:    *process is the caller's, to be closed by rondo_process_close(); untouched on failure, and
 *          then there is neither child nor descriptor.
 * Awaits:  no, so no cancel can leave half a child behind (row B7); but for closing its pipes if it
 *          could not be started, without heeding cancels.
 * Returns: 0; why the program could not be started: -ENOENT, -EACCES, -ENOTDIR, -ENOEXEC, -E2BIG...;
 *          -EINVAL, -EMFILE, -EAGAIN, -ENOMEM.
 * Kernel:  5.3. */
RONDO_API RONDO_MUST_CHECK int rondo_process_spawn(const struct rondo_process_options *options,
						   rondo_process **process);

/* Wait until the child has ended. Any number of tasks may. It waits for the child alone, not until its
 * pipes are closed (row B3: a grandchild may hold those); and a child that has filled a pipe nobody
 * reads does not end: see rondo_process_communicate().
 *
 * Owns:    *returncode, if returncode is not NULL, is written on success.
 * Awaits:  unless the child has ended.
 * Cancel:  -ECANCELED; the child is left alone.
 * Returns: 0; -ECHILD if somebody else has reaped it, or SIGCHLD is ignored.
 * Kernel:  see rondo_waitid(). */
RONDO_API RONDO_MUST_CHECK int rondo_process_wait(rondo_process *process, int *returncode);

/* Look whether the child has ended.
 *
 * Owns:    *returncode, if returncode is not NULL, is written on success.
 * Awaits:  no.
 * Returns: 0; -EINPROGRESS while it runs; -ECHILD as rondo_process_wait(). */
RONDO_API int rondo_process_returncode(rondo_process *process, int *returncode);

/* Send a signal to the child; it cannot reach another process that got its pid (row B5).
 *
 * Awaits:  no.
 * Returns: 0; -ESRCH after the child was waited for; -EINVAL, -EPERM. */
RONDO_API int rondo_process_send_signal(rondo_process *process, int signal);

/* Send SIGTERM.
 *
 * Awaits:  no.
 * Returns: as rondo_process_send_signal(). */
RONDO_API int rondo_process_terminate(rondo_process *process);

/* Send SIGKILL.
 *
 * Awaits:  no.
 * Returns: as rondo_process_send_signal(). */
RONDO_API int rondo_process_kill(rondo_process *process);

/* Send a signal to all in the child's own group.
 *
 * Awaits:  no.
 * Returns: 0; -ESRCH if nobody is left; -EINVAL if the child was not given a group of its own.
 * Kernel:  6.9; before that only until the child was waited for, then -ESRCH. */
RONDO_API int rondo_process_signal_group(rondo_process *process, int signal);

/* Be done with a child: close its pipes, and do what options.on_close says if it runs. None is left
 * a zombie. Tasks that wait for it are told of its end as ever.
 *
 * Owns:    uses up process, whatever it returns; NULL is ignored.
 * Awaits:  yes.
 * Cancel:  RONDO_CLOSE_WAITS: kills it instead, and returns -ECANCELED. Else waits for the next
 *          await.
 * Returns: 0, or -ECANCELED. */
RONDO_API int rondo_process_close(rondo_process *process);

/* Get the child's pid.
 *
 * Awaits:  no.
 * Returns: the pid; it may be another process's once the child was waited for. */
RONDO_API pid_t rondo_process_pid(const rondo_process *process);

/* Get a pidfd of the child.
 *
 * Owns:    the process's.
 * Awaits:  no.
 * Returns: the descriptor. */
RONDO_API int rondo_process_pidfd(const rondo_process *process);

/* Get our end of the child's standard input.
 *
 * Owns:    the process's, which closes it; see rondo_process_close_stdin().
 * Awaits:  no.
 * Returns: the stream; NULL if it is no pipe, or was closed. */
RONDO_API rondo_stream *rondo_process_stdin(const rondo_process *process);

/* Get our end of the child's standard output.
 *
 * Owns:    the process's, which closes it.
 * Awaits:  no.
 * Returns: the stream; NULL if it is no pipe. */
RONDO_API rondo_stream *rondo_process_stdout(const rondo_process *process);

/* Get our end of the child's standard error.
 *
 * Owns:    the process's, which closes it.
 * Awaits:  no.
 * Returns: the stream; NULL if it is no pipe. */
RONDO_API rondo_stream *rondo_process_stderr(const rondo_process *process);

/* Close our end of the child's standard input: the child reads to the end.
 *
 * Awaits:  yes, as rondo_stream_close().
 * Cancel:  as rondo_stream_close().
 * Returns: as rondo_stream_close(); 0 if it was closed already. */
RONDO_API int rondo_process_close_stdin(rondo_process *process);

/* --- input in, output out -------------------------------------------------------------------- */

/* What became of a child, and what it has written. */
struct rondo_process_result {
	int returncode;
	char *out, *err;		/* ended by a '\0' that is not counted; NULL: it was no pipe */
	size_t n_out, n_err;
};

/* Free what a result holds.
 *
 * Awaits:  no. */
RONDO_API void rondo_process_result_free(struct rondo_process_result *result);

/* Feed a child, read its output and errors to their ends, all at once, then wait for it. Its input is
 * closed even if there is none to feed. That it reads no further than it likes is no error. Waits also
 * for grandchildren that hold the pipes (row B4).
 *
 * Owns:    *result is written on success; free it by rondo_process_result_free(). limits may be NULL.
 * Awaits:  yes.
 * Cancel:  -ECANCELED; the child is left running, and what was read of its output is lost.
 * Returns: 0; -RONDO_ELIMIT if there is more output than limits say, and then the child is left
 *          running; -EINVAL: input for a child whose standard input is no pipe; -ECHILD, -ENOMEM,
 *          errors of the pipes. */
RONDO_API RONDO_MUST_CHECK int
rondo_process_communicate(rondo_process *process, const void *input, size_t n_input,
			  const struct rondo_process_limits *limits,
			  struct rondo_process_result *result);

/* Run a program to its end: spawn, communicate, close; subprocess.run(). By default its standard input
 * is a pipe with the input, or /dev/null if that is NULL; out and err are pipes; and it has a group
 * of its own. That group is killed if this fails: by a cancel, hence also when a time limit
 * around it passes, or by too much output.
 *
 * Owns:    as rondo_process_communicate().
 * Awaits:  yes.
 * Cancel:  -ECANCELED, when the group has been killed and the child reaped.
 * Returns: as rondo_process_spawn() and rondo_process_communicate(). That the program fails is a
 *          result, not an error.
 * Kernel:  see rondo_process_spawn(). */
RONDO_API RONDO_MUST_CHECK int rondo_process_run(const struct rondo_process_options *options,
						 const void *input, size_t n_input,
						 struct rondo_process_result *result);

/* --- any child ------------------------------------------------------------------------------- */

/* siginfo_t and idtype_t are POSIX's: under -std=c11 alone there is neither. */
#ifdef _POSIX_C_SOURCE

/* Wait for a child to change state: waitid(2), with its P_*, WEXITED, WSTOPPED, WNOHANG... Only the
 * task waits, and it reaps just the child it names, so libraries that have children of their own
 * are not disturbed.
 *
 * Owns:    *info, if info is not NULL, receives what became of the child; untouched on failure. All
 *          zero after WNOHANG means that no child has changed.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, no child was reaped; 0 if one was, and the cancel stays.
 * Returns: 0, -ECHILD, -EINVAL; -EOPNOTSUPP on older kernels, for what they cannot wait for.
 * Kernel:  6.7. Before that a pidfd (5.3): P_PID and P_PIDFD with WEXITED, or anything with
 *          WNOHANG. */
RONDO_API RONDO_MUST_CHECK int rondo_waitid(idtype_t type, id_t id, siginfo_t *info, int options);

#endif

RONDO_END_DECLS
#endif
