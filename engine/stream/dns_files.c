/* SPDX-License-Identifier: MIT */
/* dns_files.c - /etc/hosts and /etc/services, read line by line through the ring. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/io.h"
#include "rondo/file.h"
#include "stream/dns.h"

static const char hosts_path[] = "/etc/hosts";
static const char services_path[] = "/etc/services";

struct lines {
	int fd;
	int64_t offset;			/* in the file, of what is not in text yet */
	size_t begin, end;		/* of what is in text and was not given out */
	char text[4096];		/* longer lines are broken in two */
};

/* A file that is not there has no lines. Returns 0 or -ECANCELED. */
static int lines_open(struct lines *l, const char *path)
{
	l->fd = rondo_open(path, O_RDONLY, 0);
	l->offset = 0;
	l->begin = l->end = 0;
	return l->fd == -ECANCELED ? -ECANCELED : 0;
}

static void lines_close(struct lines *l)
{
	if (l->fd >= 0)
		rondo_close(l->fd);
}

/* Read on behind what is left. Returns the bytes that came, 0 at the end, -ECANCELED. */
static int lines_fill(struct lines *l)
{
	ssize_t n;

	memmove(l->text, l->text + l->begin, l->end - l->begin);
	l->end -= l->begin;
	l->begin = 0;
	n = rondo_pread(l->fd, l->text + l->end, sizeof(l->text) - 1 - l->end, l->offset);
	if (n <= 0)
		return n == -ECANCELED ? -ECANCELED : 0;
	l->offset += n;
	l->end += (size_t)n;
	return (int)n;
}

/* The next line without its comment, to be cut up by the caller. Returns 1, 0 at the end,
 * -ECANCELED. */
static int lines_next(struct lines *l, char **line)
{
	char *newline = NULL;
	int ret = 1;

	if (l->fd < 0)
		return 0;
	while (!(newline = memchr(l->text + l->begin, '\n', l->end - l->begin)) && ret > 0)
		if (l->end - l->begin == sizeof(l->text) - 1 || (ret = lines_fill(l)) == 0)
			break;
	if (ret < 0 || l->begin == l->end)
		return ret < 0 ? ret : 0;
	*line = l->text + l->begin;
	l->begin = newline ? (size_t)(newline - l->text) + 1 : l->end;
	l->text[newline ? (size_t)(newline - l->text) : l->end] = '\0';
	(*line)[strcspn(*line, "#")] = '\0';
	return 1;
}

static char *word(char **rest)
{
	return strtok_r(NULL, " \t\r", rest);
}

static char *first_word(char *line, char **rest)
{
	return strtok_r(line, " \t\r", rest);
}

/* --- numbers --------------------------------------------------------------------------------- */

/* A number, else a name. */
static bool scope_of(const char *text, uint32_t *scope)
{
	const bool numeric = *text && !text[strspn(text, "0123456789")];
	const unsigned long long number = numeric ? strtoull(text, NULL, 10) : 0;
	const int index = numeric ? 0 : rondo__interface_index(text);

	*scope = numeric ? (uint32_t)number : (uint32_t)index;
	return numeric ? number > 0 && number <= UINT32_MAX : index > 0;
}

bool rondo__dns_numeric(const char *text, struct dns_address *address)
{
	struct dns_address a = { .family = AF_INET };
	char number[INET6_ADDRSTRLEN];
	const char *percent;

	if (inet_pton(AF_INET, text, &a.bytes.v4) == 1) {
		*address = a;
		return true;
	}
	percent = strchr(text, '%');
	if (percent && (size_t)(percent - text) >= sizeof(number))
		return false;
	if (percent) {
		memcpy(number, text, (size_t)(percent - text));
		number[percent - text] = '\0';
	}
	a.family = AF_INET6;
	if (inet_pton(AF_INET6, percent ? number : text, &a.bytes.v6) != 1 ||
	    (percent && !scope_of(percent + 1, &a.scope)))
		return false;
	*address = a;
	return true;
}

/* --- hosts ----------------------------------------------------------------------------------- */

/* "name." is "name". */
static bool same_name(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	n -= n > 1 && a[n - 1] == '.';
	m -= m > 1 && b[m - 1] == '.';
	return n == m && strncasecmp(a, b, n) == 0;
}

/* Does this line name the host? Then it has these names, the first of them the canonical one. */
static bool names_host(char *rest, const char *host, const char **canonical)
{
	char *name = word(&rest);

	*canonical = name;
	for (; name; name = word(&rest))
		if (same_name(name, host))
			return true;
	return false;
}

static void take_host_line(char *line, const char *host, int family, struct dns_addresses *found)
{
	struct dns_address address, *slot;
	const char *canonical;
	char *rest, *number = first_word(line, &rest);

	if (!number || !rondo__dns_numeric(number, &address) ||
	    (family != AF_UNSPEC && address.family != family) ||
	    !names_host(rest, host, &canonical))
		return;
	slot = dns_add(found);
	if (!slot)
		return;
	*slot = address;
	if (!found->name[0])
		strncpy(found->name, canonical, sizeof(found->name) - 1);
}

/* RFC 6761: localhost is never asked for. */
static void add_localhost(const char *host, int family, struct dns_addresses *found)
{
	static const char localhost[] = "localhost", below[] = ".localhost";
	size_t n = strlen(host);

	n -= n > 1 && host[n - 1] == '.';
	if (!same_name(host, localhost) &&
	    (n < sizeof(below) || strncasecmp(host + n - (sizeof(below) - 1), below,
					      sizeof(below) - 1) != 0))
		return;
	if (family != AF_INET)
		*dns_add(found) = (struct dns_address){ .family = AF_INET6,
							.bytes.v6 = IN6ADDR_LOOPBACK_INIT };
	if (family != AF_INET6)
		*dns_add(found) = (struct dns_address){ .family = AF_INET,
							.bytes.v4.s_addr = htonl(INADDR_LOOPBACK) };
}

int rondo__dns_hosts(const char *host, int family, struct dns_addresses *found)
{
	struct lines lines;
	char *line;
	int ret = lines_open(&lines, hosts_path);

	while (ret == 0 && (ret = lines_next(&lines, &line)) > 0) {
		take_host_line(line, host, family, found);
		ret = 0;
	}
	lines_close(&lines);
	if (ret == 0 && !found->n)
		add_localhost(host, family, found);
	return ret;
}

static bool same_address(const struct dns_address *a, const struct dns_address *b)
{
	size_t size = a->family == AF_INET ? sizeof(a->bytes.v4) : sizeof(a->bytes.v6);

	return a->family == b->family && memcmp(&a->bytes, &b->bytes, size) == 0;
}

static bool is_loopback(const struct dns_address *a)
{
	return a->family == AF_INET ? a->bytes.v4.s_addr == htonl(INADDR_LOOPBACK) :
				      IN6_IS_ADDR_LOOPBACK(&a->bytes.v6);
}

static int copy_name(const char *from, char *name, size_t size)
{
	if (strlen(from) >= size)
		return -ENOSPC;
	memcpy(name, from, strlen(from) + 1);
	return 0;
}

int rondo__dns_hosts_name(const struct dns_address *address, char *name, size_t size)
{
	struct dns_address here;
	struct lines lines;
	char *line, *rest, *first;
	int ret = lines_open(&lines, hosts_path), found = -RONDO_ENOTFOUND;

	while (ret == 0 && found == -RONDO_ENOTFOUND && (ret = lines_next(&lines, &line)) > 0) {
		ret = 0;
		first = first_word(line, &rest);
		if (!first || !rondo__dns_numeric(first, &here) || !same_address(&here, address))
			continue;
		first = word(&rest);
		if (first)
			found = copy_name(first, name, size);
	}
	lines_close(&lines);
	if (ret == 0 && found == -RONDO_ENOTFOUND && is_loopback(address))
		found = copy_name("localhost", name, size);
	return ret < 0 ? ret : found;
}

/* --- services -------------------------------------------------------------------------------- */

/* "http  80/tcp  www": the name and the port, if the protocol is the one. */
static bool service_line(char *line, const char *protocol, char **name, unsigned *port, char **rest)
{
	char *slash, *where;

	*name = first_word(line, rest);
	where = *name ? word(rest) : NULL;
	if (!where)
		return false;
	*port = (unsigned)strtoul(where, &slash, 10);
	return slash != where && *slash == '/' && *port <= UINT16_MAX &&
	       (!protocol || strcmp(slash + 1, protocol) == 0);
}

static bool is_called(const char *name, char *aliases, const char *service)
{
	for (; name; name = word(&aliases))
		if (strcmp(name, service) == 0)
			return true;
	return false;
}

int rondo__dns_service(const char *service, const char *protocol)
{
	struct lines lines;
	char *line, *name, *rest;
	unsigned port;
	int ret = lines_open(&lines, services_path), found = -RONDO_ENOTFOUND;

	while (ret == 0 && found < 0 && (ret = lines_next(&lines, &line)) > 0) {
		ret = 0;
		if (service_line(line, protocol, &name, &port, &rest) &&
		    is_called(name, rest, service))
			found = (int)port;
	}
	lines_close(&lines);
	return ret < 0 ? ret : found;
}

int rondo__dns_service_name(unsigned number, const char *protocol, char *name, size_t size)
{
	struct lines lines;
	char *line, *called, *rest;
	unsigned port;
	int ret = lines_open(&lines, services_path), found = -RONDO_ENOTFOUND;

	while (ret == 0 && found == -RONDO_ENOTFOUND && (ret = lines_next(&lines, &line)) > 0) {
		ret = 0;
		if (!service_line(line, protocol, &called, &port, &rest) || port != number)
			continue;
		found = copy_name(called, name, size);
	}
	lines_close(&lines);
	return ret < 0 ? ret : found;
}
