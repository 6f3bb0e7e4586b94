/* SPDX-License-Identifier: MIT */
/*
 * load.c - the echo client, and the comparison of echo servers by it.
 *
 * The client is the yardstick: it does the same work per request whatever the server is, so server
 * CPU time over client CPU time is a figure that a faster or slower minute of the machine does not
 * move. It is a plain epoll loop on purpose, sharing nothing with what it measures.
 */
#define _GNU_SOURCE 1
#include "bench.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	/* A prime, so that no two connections send the same bytes for long. */
	PATTERN_SPAN = 4093,
	RECV_BYTES = 64 * 1024,
	TICK_NS = 50 * 1000 * 1000,
	STALL_TICKS = 40,		/* two seconds */
	N_SUB_BUCKETS = 32,		/* latency is known within 3 per cent */
	N_BUCKETS = 64 * N_SUB_BUCKETS,
};

struct client {
	int fd;
	uint32_t offset;		/* where in the pattern the current message begins */
	size_t n_sent, n_received;	/* of the current message */
	uint64_t begin_ns;
};

struct load {
	const struct load_options *options;
	int epoll_fd, timer_fd;
	struct client *clients;
	unsigned n_open;
	unsigned char *pattern, *received;
	uint64_t now_ns, end_ns;	/* the clock is read once per answer */
	uint64_t n_requests, n_errors;	/* counted anew when the window begins */
	uint64_t n_at_last_tick;
	unsigned n_idle_ticks;
	uint64_t histogram[N_BUCKETS];
};

static unsigned bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < N_SUB_BUCKETS)
		return (unsigned)ns;
	shift = 63 - (unsigned)__builtin_clzll(ns) - 5;
	return (shift + 1) * N_SUB_BUCKETS + (unsigned)((ns >> shift) & (N_SUB_BUCKETS - 1));
}

static double bucket_middle_ns(unsigned bucket)
{
	unsigned row = bucket / N_SUB_BUCKETS, column = bucket % N_SUB_BUCKETS;

	if (row == 0)
		return column;
	return (N_SUB_BUCKETS + column + 0.5) * (double)(UINT64_C(1) << (row - 1));
}

static double percentile_us(const struct load *l, double share)
{
	uint64_t n_below = 0, n_wanted = (uint64_t)((double)l->n_requests * share);

	for (unsigned i = 0; i < N_BUCKETS; i++) {
		n_below += l->histogram[i];
		if (n_below > n_wanted)
			return bucket_middle_ns(i) / 1000;
	}
	return NAN;
}

static void lose(struct load *l, struct client *c)
{
	close(c->fd);
	c->fd = -1;
	l->n_open--;
	l->n_errors++;
}

static int watch(struct load *l, struct client *c, int op, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	return epoll_ctl(l->epoll_fd, op, c->fd, &event) < 0 ? -errno : 0;
}

/* Sends as much of the message as the socket takes, and waits for room only if it must. */
static void send_some(struct load *l, struct client *c, bool waited)
{
	size_t n_bytes = l->options->message_bytes;
	ssize_t n = send(c->fd, l->pattern + c->offset + c->n_sent, n_bytes - c->n_sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	bool must_wait;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		lose(l, c);
		return;
	}
	if (n > 0)
		c->n_sent += (size_t)n;
	must_wait = c->n_sent < n_bytes;
	if (must_wait != waited &&
	    watch(l, c, EPOLL_CTL_MOD, must_wait ? EPOLLIN | EPOLLOUT : EPOLLIN) < 0)
		lose(l, c);
}

static void begin_request(struct load *l, struct client *c)
{
	c->offset = (c->offset + 1) % PATTERN_SPAN;
	c->n_sent = c->n_received = 0;
	c->begin_ns = l->now_ns;
	send_some(l, c, false);
}

static void end_request(struct load *l, struct client *c)
{
	l->now_ns = bench_now_ns();
	l->histogram[bucket_of(l->now_ns - c->begin_ns)]++;
	l->n_requests++;
	begin_request(l, c);
}

/* An answer may only hold bytes that were sent, in their order, and nothing may follow it. */
static bool is_right(const struct load *l, const struct client *c, size_t n)
{
	return c->n_received + n <= c->n_sent &&
	       memcmp(l->received, l->pattern + c->offset + c->n_received, n) == 0;
}

static void receive_some(struct load *l, struct client *c)
{
	ssize_t n = recv(c->fd, l->received, RECV_BYTES, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !is_right(l, c, (size_t)n)) {
		lose(l, c);
		return;
	}
	c->n_received += (size_t)n;
	if (c->n_received == l->options->message_bytes)
		end_request(l, c);
}

static void on_tick(struct load *l)
{
	uint64_t n_expired;

	/* Only what is counted matters, and the timer is non-blocking. */
	if (read(l->timer_fd, &n_expired, sizeof(n_expired)) != sizeof(n_expired))
		return;
	l->now_ns = bench_now_ns();
	l->n_idle_ticks = l->n_requests == l->n_at_last_tick ? l->n_idle_ticks + 1 : 0;
	l->n_at_last_tick = l->n_requests;
}

static void on_event(struct load *l, const struct epoll_event *event)
{
	struct client *c = event->data.ptr;

	if (!c) {
		on_tick(l);
		return;
	}
	if (event->events & EPOLLOUT)
		send_some(l, c, true);
	if (c->fd >= 0 && event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive_some(l, c);
}

/* Plays until end_ns, or until n_requests (if not 0) were answered. */
static int play(struct load *l, uint64_t n_requests)
{
	struct epoll_event events[256];

	while (l->now_ns < l->end_ns && (n_requests == 0 || l->n_requests < n_requests)) {
		int n = epoll_wait(l->epoll_fd, events, 256, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++)
			on_event(l, &events[i]);
		if (l->n_open == 0)
			return -ECONNRESET;
		if (l->n_idle_ticks >= STALL_TICKS)
			return -ETIMEDOUT;
	}
	return 0;
}

static void mark(const struct load *l, bool at_end)
{
	if (l->options->mark)
		l->options->mark(l->options->mark_arg, at_end);
}

static int measure(struct load *l, struct load_result *result)
{
	uint64_t begin_ns, cpu_ns;
	double window_s = l->options->window_s;
	int ret;

	memset(l->histogram, 0, sizeof(l->histogram));
	l->n_requests = l->n_at_last_tick = 0;
	mark(l, false);
	cpu_ns = bench_thread_cpu_ns();
	begin_ns = l->now_ns = bench_now_ns();
	l->end_ns = window_s > 0 ? begin_ns + (uint64_t)(window_s * 1e9) : UINT64_MAX;
	ret = play(l, l->options->n_requests);
	cpu_ns = bench_thread_cpu_ns() - cpu_ns;
	mark(l, true);
	if (ret < 0)
		return ret;
	*result = (struct load_result){
		.n_requests = l->n_requests,
		.n_errors = l->n_errors,
		.seconds = (double)(l->now_ns - begin_ns) / 1e9,
		.cpu_s = (double)cpu_ns / 1e9,
		.p50_us = percentile_us(l, 0.50),
		.p99_us = percentile_us(l, 0.99),
	};
	return 0;
}

static int connect_client(struct load *l, unsigned i)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(l->options->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	/* Closing by a reset leaves no TIME_WAIT behind for the next of many runs. */
	struct linger reset = { .l_onoff = 1 };
	struct client *c = &l->clients[i];
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	l->n_open++;
	c->offset = i * 61 % PATTERN_SPAN;
	if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return watch(l, c, EPOLL_CTL_ADD, EPOLLIN);
}

static int connect_all(struct load *l)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (unsigned i = 0; i < l->options->n_connections; i++) {
		int ret = connect_client(l, i);

		if (ret < 0)
			return ret;
		/* On a shared CPU the server accepts only while we sleep. */
		if (i % 256 == 255)
			nanosleep(&pause, NULL);
	}
	return 0;
}

static int start_timer(struct load *l)
{
	const struct itimerspec every = { { 0, TICK_NS }, { 0, TICK_NS } };
	struct epoll_event event = { .events = EPOLLIN };

	/* A timer costs nothing per wait, where a timeout of epoll_wait() would. */
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->timer_fd < 0 || timerfd_settime(l->timer_fd, 0, &every, NULL) < 0 ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &event) < 0)
		return -errno;
	return 0;
}

static int set_up(struct load *l)
{
	const struct load_options *o = l->options;
	size_t pattern_bytes = PATTERN_SPAN + o->message_bytes;
	uint64_t random = 1;
	int ret;

	l->clients = calloc(o->n_connections, sizeof(*l->clients));
	l->pattern = malloc(pattern_bytes);
	l->received = malloc(RECV_BYTES);
	if (!l->clients || !l->pattern || !l->received)
		return -ENOMEM;
	for (unsigned i = 0; i < o->n_connections; i++)
		l->clients[i].fd = -1;
	for (size_t i = 0; i < pattern_bytes; i++)
		l->pattern[i] = (unsigned char)(bench_random(&random) >> 56);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return -errno;
	ret = start_timer(l);
	if (ret == 0)
		ret = bench_raise_nofile(o->n_connections + 64);
	return ret < 0 ? ret : connect_all(l);
}

static void tear_down(struct load *l)
{
	for (unsigned i = 0; l->clients && i < l->options->n_connections; i++) {
		if (l->clients[i].fd >= 0)
			close(l->clients[i].fd);
	}
	if (l->timer_fd >= 0)
		close(l->timer_fd);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	free(l->received);
	free(l->pattern);
	free(l->clients);
}

int load_run(const struct load_options *options, struct load_result *result)
{
	struct load *l;
	int ret;

	if (options->n_connections == 0 || options->message_bytes == 0 ||
	    (options->window_s <= 0 && options->n_requests == 0))
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->options = options;
	l->epoll_fd = l->timer_fd = -1;
	ret = set_up(l);
	if (ret == 0) {
		l->now_ns = bench_now_ns();
		l->end_ns = l->now_ns + (uint64_t)(options->warmup_s * 1e9);
		for (unsigned i = 0; i < options->n_connections; i++)
			begin_request(l, &l->clients[i]);
		ret = play(l, 0);
	}
	if (ret == 0)
		ret = measure(l, result);
	tear_down(l);
	free(l);
	return ret;
}

/* What the marks of one run collect about the server. */
struct server_window {
	const struct bench_echo_entry *entry;
	pid_t pid;
	uint64_t cpu_ns, n_enters;	/* the counters as the window begins, then what it took */
	int error;
};

static void mark_server(void *arg, bool at_end)
{
	struct server_window *w = arg;
	uint64_t cpu_ns = 0, n_enters = 0;
	int ret = bench_server_cpu_ns(w->pid, &cpu_ns);

	if (ret < 0)
		w->error = ret;
	if (w->entry->n_enters)
		n_enters = __atomic_load_n(w->entry->n_enters, __ATOMIC_RELAXED);
	w->cpu_ns = at_end ? cpu_ns - w->cpu_ns : cpu_ns;
	w->n_enters = at_end ? n_enters - w->n_enters : n_enters;
}

enum metric { SRV_PER_CLI, ENTERS, RATE, P50, P99, CPU_SHARE, N_METRICS };

/* What was measured with one count of connections. */
struct echo_values {
	double of[N_METRICS][BENCH_MAX_CASES][BENCH_MAX_ROUNDS];
	unsigned n_repeated, n_disturbed;
};

static int run_load(struct server_window *w, uint16_t port, unsigned n_connections,
		    const struct bench_echo_options *o, double *metrics)
{
	struct load_options options = {
		.port = port,
		.n_connections = n_connections,
		.message_bytes = o->message_bytes,
		.warmup_s = o->warmup_s,
		.window_s = o->window_s,
		.mark = mark_server,
		.mark_arg = w,
	};
	struct load_result result = { 0 };
	int ret = load_run(&options, &result);

	if (ret == 0)
		ret = w->error;
	if (ret < 0)
		return ret;
	if (result.n_errors)
		return -EBADMSG;
	if (result.n_requests == 0)
		return -ETIMEDOUT;
	metrics[SRV_PER_CLI] = (double)w->cpu_ns / 1e9 / result.cpu_s;
	metrics[ENTERS] = NAN;
	if (w->entry->n_enters)
		metrics[ENTERS] = (double)w->n_enters / (double)result.n_requests;
	metrics[RATE] = (double)result.n_requests / result.seconds;
	metrics[P50] = result.p50_us;
	metrics[P99] = result.p99_us;
	metrics[CPU_SHARE] = ((double)w->cpu_ns / 1e9 + result.cpu_s) / result.seconds;
	return 0;
}

static int run_entry(const struct bench_echo_entry *entry, unsigned n_connections,
		     const struct bench_echo_options *o, double *metrics)
{
	struct server_window w = { .entry = entry };
	uint16_t port;
	int listen_fd = bench_listen(&port), ret, server_ret;

	if (listen_fd < 0)
		return listen_fd;
	w.pid = bench_fork_server(entry->serve, listen_fd, entry->ctx);
	/* The child has its own: a server that dies must refuse us, not leave us waiting. */
	close(listen_fd);
	if (w.pid < 0)
		return w.pid;
	ret = run_load(&w, port, n_connections, o, metrics);
	server_ret = bench_stop_server(w.pid);
	if (server_ret < 0)
		ret = server_ret;
	if (ret < 0)
		printf("failed: %s: %s\n", entry->name,
			ret == -EBADMSG ? "the echo lost or changed bytes" : strerror(-ret));
	return ret;
}

/*
 * One of the two always has something to do, so together they use the CPU up, unless somebody else
 * has it: a host that stalls, or another real-time process, which turns a hand-over into 100 ms.
 * Such a run measures the neighbour. It is made again, for reasons that do not look at its result.
 */
static int run_undisturbed(const struct bench_echo_entry *entry, unsigned n_connections,
			   const struct bench_echo_options *o, bool realtime,
			   struct echo_values *v, double *metrics)
{
	enum { MAX_REPEATS = 10 };
	const double enough = realtime ? 0.8 : 0;

	for (unsigned i = 0; ; i++) {
		int ret = run_entry(entry, n_connections, o, metrics);

		if (ret < 0 || metrics[CPU_SHARE] >= enough)
			return ret;
		if (i == MAX_REPEATS) {
			v->n_disturbed++;
			return 0;
		}
		v->n_repeated++;
	}
}

static struct bench_summary summary(const struct echo_values *v, enum metric metric, unsigned entry,
				    unsigned n_rounds)
{
	return bench_summarize(v->of[metric][entry], n_rounds);
}

static void print_echo(const struct bench_echo_entry *entries, unsigned n_entries,
		       const struct bench_echo_options *o, unsigned n_connections,
		       const struct echo_values *v, const struct bench_echo_cell *cells)
{
	printf("%u connection%s, %zu bytes, %u rounds of %g s", n_connections,
	       n_connections == 1 ? "" : "s", o->message_bytes, o->n_rounds, o->window_s);
	if (v->n_repeated)
		printf("; %u runs made again and %u kept that others disturbed", v->n_repeated,
		       v->n_disturbed);
	putchar('\n');
	printf("  %-14s %-24s %-34s %-8s %8s %8s %8s\n", "server", "srv/cli [min - max]",
	       "x first: by pairs, of medians", "enters/q", "req/s", "p50 us", "p99 us");
	for (unsigned i = 0; i < n_entries; i++) {
		const struct bench_echo_cell *c = &cells[i];

		printf("  %-14s %.3f [%.3f - %.3f]    %.3f [%.3f - %.3f], %.3f      ",
		       entries[i].name, c->srv_per_cli.median, c->srv_per_cli.min,
		       c->srv_per_cli.max, c->vs_first.median, c->vs_first.min, c->vs_first.max,
		       c->vs_first_of_medians);
		if (isnan(c->enters_per_request.median))
			printf("%-8s", "-");
		else
			printf("%-8.3f", c->enters_per_request.median);
		printf(" %8.0f %8.1f %8.1f\n", c->requests_per_s.median, c->p50_us, c->p99_us);
	}
	fflush(stdout);
}

static void fill_cells(struct echo_values *v, unsigned n_entries, unsigned n_rounds,
		       struct bench_echo_cell *cells)
{
	struct bench_outcome outcomes[BENCH_MAX_CASES];

	bench_outcomes(v->of[SRV_PER_CLI], n_entries, n_rounds, outcomes);
	for (unsigned i = 0; i < n_entries; i++)
		cells[i] = (struct bench_echo_cell){
			.srv_per_cli = outcomes[i].value,
			.vs_first = outcomes[i].pairwise,
			.vs_first_of_medians = outcomes[i].ratio_of_medians,
			.enters_per_request = summary(v, ENTERS, i, n_rounds),
			.requests_per_s = summary(v, RATE, i, n_rounds),
			.p50_us = summary(v, P50, i, n_rounds).median,
			.p99_us = summary(v, P99, i, n_rounds).median,
		};
}

/* Servers inherit the limit, so it is raised before they are forked. */
static int raise_nofile(unsigned n_connections)
{
	int ret = bench_raise_nofile(n_connections + 64);

	if (ret < 0)
		printf("failed: %u connections: %s\n", n_connections,
			strerror(-ret));
	return ret;
}

static int compare_at(const struct bench_echo_entry *entries, unsigned n_entries,
		      const struct bench_echo_options *o, unsigned n_connections, bool realtime,
		      struct bench_echo_cell *cells)
{
	struct echo_values *v;
	int ret = raise_nofile(n_connections);

	if (ret < 0)
		return ret;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (unsigned i = 0; ret == 0 && i < o->n_rounds * n_entries; i++) {
		unsigned round = i / n_entries, e = (round + i) % n_entries;
		double metrics[N_METRICS];

		ret = run_undisturbed(&entries[e], n_connections, o, realtime, v, metrics);
		for (unsigned m = 0; ret == 0 && m < N_METRICS; m++)
			v->of[m][e][round] = metrics[m];
	}
	if (ret == 0) {
		fill_cells(v, n_entries, o->n_rounds, cells);
		print_echo(entries, n_entries, o, n_connections, v, cells);
	}
	free(v);
	return ret;
}

int bench_echo_compare(const struct bench_echo_entry *entries, unsigned n_entries,
		       const struct bench_echo_options *o, struct bench_echo_cell *cells)
{
	struct bench_pin pin;
	int ret;

	if (n_entries == 0 || n_entries > BENCH_MAX_CASES || o->n_rounds == 0 ||
	    o->n_rounds > BENCH_MAX_ROUNDS)
		return -EINVAL;
	ret = bench_pin_begin(&pin);
	if (ret < 0)
		return ret;
	printf("echo: client and server share CPU %d, %s\n", pin.cpu,
	       pin.realtime ? "SCHED_RR" : "ordinary priority (SCHED_RR not permitted: noisier)");
	for (unsigned i = 0; ret == 0 && i < o->n_connections; i++, cells += n_entries)
		ret = compare_at(entries, n_entries, o, o->connections[i], pin.realtime, cells);
	bench_pin_end(&pin);
	return ret;
}
