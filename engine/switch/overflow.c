/* SPDX-License-Identifier: MIT */
/* overflow.c - see overflow.h. The handler may interrupt anything, malloc() included: it uses
 * write(2), sigaction(2) and its own few lines of formatting. */
#include "switch/overflow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { HANDLER_BYTES = 16 << 10 };

struct line {
	char text[256];
	size_t n;
};

/* SIGSEGV belongs to the process: the lock covers its disposition and the number of watches. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned n_watches;

static __thread struct overflow_watch *watches;	/* this thread's, the youngest first */

/* A name is the user's: whatever is in it, the report stays one line. */
static void put(struct line *l, const char *s)
{
	for (; *s && l->n < sizeof(l->text) - 1; s++)
		l->text[l->n++] = (unsigned char)*s < ' ' ? '?' : *s;
}

static void put_number(struct line *l, uintptr_t n, unsigned base)
{
	char digits[24];
	size_t i = sizeof(digits);

	digits[--i] = '\0';
	do
		digits[--i] = "0123456789abcdef"[n % base];
	while (n /= base);
	put(l, digits + i);
}

/* Returns whether the address is in a guard of this watch. */
static bool report(const struct overflow_watch *w, const void *address)
{
	struct line l = { .n = 0 };
	char name[64] = "";
	size_t size_bytes;
	void *base;

	size_bytes = rondo__stack_guard_hit(w->pool, address, &base);
	if (!size_bytes)
		return false;
	w->name(w, base, name, sizeof(name));
	put(&l, "rondo: stack overflow in task '");
	put(&l, name);
	put(&l, "' (stack ");
	put_number(&l, size_bytes >> 10, 10);
	put(&l, " KiB) at 0x");
	put_number(&l, (uintptr_t)address, 16);
	l.text[l.n++] = '\n';
	(void)!write(STDERR_FILENO, l.text, l.n);	/* if that fails there is nobody left to tell */
	return true;
}

static void on_segv(int signal, siginfo_t *info, void *interrupted)
{
	const struct overflow_watch *w = watches;
	/* Others are sent: by kill(), or by the kernel when it cannot write a signal's frame. */
	bool faulted = info->si_code > 0 && info->si_code != SI_KERNEL;

	(void)interrupted;
	while (w && faulted && !report(w, info->si_addr))
		w = w->next;
	sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	/* A fault happens again on return, in its own frame; what was sent must be sent again. */
	if (!faulted)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), signal, info);
}

static bool is_ours(const struct sigaction *a)
{
	return (a->sa_flags & SA_SIGINFO) && a->sa_sigaction == on_segv;
}

/* Returns 1 if SIGSEGV comes to us, 0 if it is somebody else's, or -errno. */
static int handler_install(void)
{
	struct sigaction ours = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction there;

	if (sigaction(SIGSEGV, NULL, &there) < 0)
		return -errno;
	if (is_ours(&there))
		return 1;
	if ((there.sa_flags & SA_SIGINFO) || there.sa_handler != SIG_DFL)
		return 0;
	return sigaction(SIGSEGV, &ours, NULL) < 0 ? -errno : 1;
}

static void handler_remove(void)
{
	struct sigaction there;

	if (sigaction(SIGSEGV, NULL, &there) == 0 && is_ours(&there))
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
}

/* The overflowed stack has no room for the handler: the thread needs another one. */
static int signal_stack_install(struct overflow_watch *w)
{
	size_t needed = getauxval(AT_MINSIGSTKSZ) + HANDLER_BYTES;
	size_t size = (needed + STACK_PAGE - 1) & -(size_t)STACK_PAGE;
	stack_t there, ours = { .ss_size = size };
	int ret;

	if (sigaltstack(NULL, &there) < 0)
		return -errno;
	if (!(there.ss_flags & SS_DISABLE))
		return 0;
	ours.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ours.ss_sp == MAP_FAILED)
		return -errno;
	if (sigaltstack(&ours, NULL) < 0) {
		ret = -errno;
		munmap(ours.ss_sp, size);
		return ret;
	}
	w->signal_stack = ours.ss_sp;
	w->signal_stack_size = size;
	return 0;
}

/* Those who came while it was there have none of their own, so one of them takes it over. */
static void signal_stack_remove(struct overflow_watch *w)
{
	stack_t there;

	if (!w->signal_stack)
		return;
	if (watches && !watches->signal_stack) {
		watches->signal_stack = w->signal_stack;
		watches->signal_stack_size = w->signal_stack_size;
		w->signal_stack = NULL;
		return;
	}
	if (sigaltstack(NULL, &there) == 0 && there.ss_sp == w->signal_stack)
		sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
	munmap(w->signal_stack, w->signal_stack_size);
	w->signal_stack = NULL;
}

int rondo__overflow_watch(struct overflow_watch *w)
{
	int ret;

	w->signal_stack = NULL;
	w->watching = false;
	ret = signal_stack_install(w);
	if (ret < 0)
		return ret;
	pthread_mutex_lock(&lock);
	ret = handler_install();
	n_watches += ret > 0;
	pthread_mutex_unlock(&lock);
	if (ret <= 0) {
		signal_stack_remove(w);
		return ret;
	}
	w->next = watches;
	w->watching = true;
	watches = w;
	return 1;
}

void rondo__overflow_unwatch(struct overflow_watch *w)
{
	struct overflow_watch **p = &watches;

	if (!w->watching)
		return;
	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	w->watching = false;
	pthread_mutex_lock(&lock);
	if (--n_watches == 0)
		handler_remove();
	pthread_mutex_unlock(&lock);
	signal_stack_remove(w);
}
