/* SPDX-License-Identifier: MIT */
/* stream.c - lines of 64 bytes through streams, against asyncio, Go and libuv where they are installed:
 * CPU of the server for each line, kernel included. Many lines in one go, and one at a time sent back. And
 * a file in the page cache, sent by sendfile(2) and by reading and writing. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "asyncio.h"
#include "peers.h"
#include "workloads.h"

enum { LINE_BYTES = 64, BLOCK_LINES = 1024, N_ROUNDS = 5, WARMUP_LINES = 2000 };

enum { N_READ = 400000, N_ECHOED = 20000, N_SERVERS = 4 };

/* --- the servers ----------------------------------------------------------------------------- */

struct server {
	int listen_fd;
	bool echoes;
};

static int count_lines(rondo_stream *s)
{
	const char *line;
	unsigned n = 0;
	ssize_t ret;

	while ((ret = rondo_stream_read_line(s, &line)) > 0)
		n++;
	return ret < 0 ? (int)ret : rondo_stream_printf(s, "%u\n", n);
}

static int echo_lines(rondo_stream *s)
{
	const char *line;
	ssize_t n;
	int ret = 0;

	while (ret == 0 && (n = rondo_stream_read_line(s, &line)) > 0)
		ret = rondo_stream_write(s, line, (size_t)n);
	return ret < 0 ? ret : (int)n;
}

static int serve(void *arg)
{
	const struct server *server = arg;
	rondo_stream *s;
	int ret = 0;

	while (ret >= 0) {
		int fd = rondo_accept(server->listen_fd, NULL, NULL);

		ret = fd < 0 ? fd : rondo_stream_from_fd(fd, NULL, &s);
		if (ret < 0)
			break;
		ret = server->echoes ? echo_lines(s) : count_lines(s);
		rondo_stream_close(s);
	}
	return ret;
}

static int serve_by_rondo(int listen_fd, void *ctx)
{
	struct server server = { listen_fd, *(bool *)ctx };

	return rondo_run(serve, &server);
}

static const char python_server[] =
	"import asyncio, socket, sys\n"
	"async def count(r, w):\n"
	"    n = 0\n"
	"    while await r.readline():\n"
	"        n += 1\n"
	"    w.write(b'%d\\n' % n)\n"
	"    w.close()\n"
	"async def echo(r, w):\n"
	"    while line := await r.readline():\n"
	"        w.write(line)\n"
	"        await w.drain()\n"
	"    w.close()\n"
	"async def main(fd, echoes):\n"
	"    sock = socket.socket(fileno=fd)\n"
	"    async with await asyncio.start_server(echo if echoes else count, sock=sock) as s:\n"
	"        await s.serve_forever()\n"
	"asyncio.run(main(int(sys.argv[1]), sys.argv[2] == '1'))\n";

static int serve_by_asyncio(int listen_fd, void *ctx)
{
	int fd = dup(listen_fd);	/* without O_CLOEXEC */
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	execlp("python3", "python3", "-c", python_server, number, *(bool *)ctx ? "1" : "0", NULL);
	return -errno;
}

/* --- the client ------------------------------------------------------------------------------ */

static int connect_to(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -1 : fd;
}

static void fill_lines(char *lines)
{
	memset(lines, 'x', LINE_BYTES * BLOCK_LINES);
	for (unsigned i = 1; i <= BLOCK_LINES; i++)
		lines[i * LINE_BYTES - 1] = '\n';
}

static int send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* n lines, and their number back. */
static int have_counted(int fd, unsigned n)
{
	static char lines[LINE_BYTES * BLOCK_LINES];
	char answer[32] = "";
	int ret = 0;

	fill_lines(lines);
	for (unsigned k, left = n; left && ret == 0; left -= k) {
		k = left < BLOCK_LINES ? left : BLOCK_LINES;
		ret = send_all(fd, lines, (size_t)k * LINE_BYTES);
	}
	shutdown(fd, SHUT_WR);
	if (ret == 0 && recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) <= 0)
		ret = -EPIPE;
	return ret == 0 && strtoul(answer, NULL, 10) != n ? -EBADMSG : ret;
}

static int have_echoed(int fd, unsigned n)
{
	char line[LINE_BYTES], back[LINE_BYTES];
	int ret = 0;

	memset(line, 'x', sizeof(line));
	line[LINE_BYTES - 1] = '\n';
	while (n-- && ret == 0) {
		ret = send_all(fd, line, sizeof(line));
		if (ret == 0 && recv(fd, back, sizeof(back), MSG_WAITALL) != LINE_BYTES)
			ret = -EPIPE;
	}
	return ret;
}

static int talk(uint16_t port, bool echoes, unsigned n)
{
	int ret, fd = connect_to(port);

	if (fd < 0)
		return -errno;
	ret = echoes ? have_echoed(fd, n) : have_counted(fd, n);
	close(fd);
	return ret;
}

/* --- both ------------------------------------------------------------------------------------ */

struct match {
	bench_serve_fn *serve;
	bool echoes;
};

static int measure_server(const struct match *m, pid_t pid, uint16_t port, double *ns_per_line)
{
	unsigned n = m->echoes ? N_ECHOED : N_READ;
	uint64_t before, after;
	int ret = talk(port, m->echoes, WARMUP_LINES);

	if (ret == 0)
		ret = bench_server_cpu_ns(pid, &before);
	if (ret == 0)
		ret = talk(port, m->echoes, n);
	if (ret == 0)
		ret = bench_server_cpu_ns(pid, &after);
	if (ret == 0)
		*ns_per_line = (double)(after - before) / n;
	return ret;
}

static int measure(void *arg, double *ns_per_line)
{
	struct match *m = arg;
	uint16_t port;
	int ret, listen_fd = bench_listen(&port);
	pid_t pid;

	if (listen_fd < 0)
		return listen_fd;
	pid = bench_fork_server(m->serve, listen_fd, &m->echoes);
	close(listen_fd);
	if (pid < 0)
		return (int)pid;
	ret = measure_server(m, pid, port, ns_per_line);
	(void)bench_stop_server(pid);
	return ret;
}

/* Of lines one at a time nearly all is the kernel's part, which is the same for everybody: no
 * target. */
static void report_match(struct bench_report *report, const char *what, bool echoes,
			 const struct bench_case *cases, const struct bench_outcome *outcomes,
			 unsigned n)
{
	char name[96];

	snprintf(name, sizeof(name), "lines of 64 B, %s: server CPU per line", what);
	bench_report_value(report, name, "ns", &outcomes[0].value, NAN);
	for (unsigned i = 1; i < n; i++) {
		double target = !echoes && !strcmp(cases[i].name, "asyncio") ? 5 : NAN;

		snprintf(name, sizeof(name), "lines of 64 B, %s: CPU of %s, x ours", what,
			 cases[i].name);
		bench_report_add(report, &(struct bench_figure){ .name = name, .unit = "x",
				 .value = outcomes[i].pairwise, .target = target,
				 .higher_is_better = true });
	}
}

/* --- files ----------------------------------------------------------------------------------- */

enum { FILE_MIB = 8, N_FILES = 40 };

struct sender {
	int listen_fd;
	bool exclusive;
};

/* Not with holes: the page of zeroes is not like others. */
static int make_file(void)
{
	static char block[1 << 20];
	int file = memfd_create("file", MFD_CLOEXEC);

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < FILE_MIB && file >= 0; i++)
		if (write(file, block, sizeof(block)) != sizeof(block))
			return -EIO;
	return file < 0 ? -errno : file;
}

static int send_files(void *arg)
{
	const struct sender *sender = arg;
	const struct rondo_stream_options o = { .exclusive = sender->exclusive };
	int file = make_file(), fd, ret = file;
	rondo_stream *s;

	while (ret >= 0) {
		fd = rondo_accept(sender->listen_fd, NULL, NULL);
		ret = fd < 0 ? fd : rondo_stream_from_fd(fd, &o, &s);
		for (int i = 0; ret == 0 && i < N_FILES; i++)
			ret = rondo_stream_sendfile(s, file, 0, -1, NULL);
		if (ret == 0)
			ret = rondo_stream_close(s);
	}
	return ret;
}

static int serve_files(int listen_fd, void *ctx)
{
	struct sender sender = { listen_fd, *(bool *)ctx };

	return rondo_run(send_files, &sender);
}

static int fetch(uint16_t port)
{
	static char block[1 << 20];
	size_t n_bytes = 0;
	ssize_t n;
	int fd = connect_to(port);

	if (fd < 0)
		return -errno;
	while ((n = recv(fd, block, sizeof(block), 0)) > 0)
		n_bytes += (size_t)n;
	close(fd);
	return n_bytes == (size_t)N_FILES * (FILE_MIB << 20) ? 0 : -EPIPE;
}

static int measure_files(void *arg, double *us_per_mib)
{
	uint64_t before, after;
	uint16_t port;
	int ret, listen_fd = bench_listen(&port);
	pid_t pid;

	if (listen_fd < 0)
		return listen_fd;
	pid = bench_fork_server(serve_files, listen_fd, arg);
	close(listen_fd);
	if (pid < 0)
		return (int)pid;
	ret = fetch(port);
	if (ret == 0)
		ret = bench_server_cpu_ns(pid, &before);
	if (ret == 0)
		ret = fetch(port);
	if (ret == 0)
		ret = bench_server_cpu_ns(pid, &after);
	if (ret == 0)
		*us_per_mib = (double)(after - before) / 1e3 / (N_FILES * FILE_MIB);
	(void)bench_stop_server(pid);
	return ret;
}

static int compare_files(struct bench_report *report)
{
	static bool by_kernel = true, by_copying = false;
	static const struct bench_case cases[] = {
		{ "by sendfile(2)", measure_files, &by_kernel },
		{ "by reading and writing", measure_files, &by_copying },
	};
	struct bench_outcome outcomes[2];
	struct bench_pin pin;
	int ret = bench_pin_begin(&pin);

	if (ret < 0)
		return ret;
	ret = bench_compare(cases, 2, N_ROUNDS, outcomes);
	bench_pin_end(&pin);
	if (ret < 0)
		return ret;
	bench_compare_print("a cached file, server CPU", "us per MiB", cases, outcomes, 2);
	bench_report_value(report, "a cached file by sendfile: server CPU per MiB", "us",
			   &outcomes[0].value, NAN);
	bench_report_add(report, &(struct bench_figure){ .name = "... by reading and writing, x that",
			 .unit = "x", .value = outcomes[1].pairwise, .target = 1.5,
			 .higher_is_better = true });
	return 0;
}

/* Who else can serve lines here; ours comes first. */
static unsigned find_servers(struct bench_case *cases, struct match *matches)
{
	static const struct {
		const char *name;
		bench_serve_fn *serve;
		bool (*is_there)(void);
	} servers[] = {
		{ "rondo", serve_by_rondo, NULL }, { "asyncio", serve_by_asyncio, bench_has_asyncio },
		{ "Go", bench_serve_by_go, bench_has_go },
		{ "libuv", bench_serve_by_libuv, bench_has_libuv },
	};
	unsigned n = 0;

	for (unsigned i = 0; i < N_SERVERS; i++) {
		if (servers[i].is_there && !servers[i].is_there())
			continue;
		matches[n].serve = servers[i].serve;
		cases[n] = (struct bench_case){ servers[i].name, measure, &matches[n] };
		n++;
	}
	return n;
}

static int compare_lines(struct bench_report *report, bool echoes)
{
	const char *what = echoes ? "one at a time, sent back" : "many in one go";
	struct bench_outcome outcomes[N_SERVERS];
	struct bench_case cases[N_SERVERS];
	struct match matches[N_SERVERS];
	unsigned n = find_servers(cases, matches);
	struct bench_pin pin;
	int ret;

	for (unsigned i = 0; i < n; i++)
		matches[i].echoes = echoes;
	ret = bench_pin_begin(&pin);
	if (ret < 0)
		return ret;
	ret = bench_compare(cases, n, N_ROUNDS, outcomes);
	bench_pin_end(&pin);
	if (ret < 0)
		return ret;
	bench_compare_print(what, "ns per line", cases, outcomes, n);
	report_match(report, what, echoes, cases, outcomes, n);
	return 0;
}

int bench_stream(struct bench_report *report)
{
	int ret = compare_lines(report, false);

	if (ret == 0)
		ret = compare_lines(report, true);
	return ret < 0 ? ret : compare_files(report);
}
