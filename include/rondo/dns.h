/* SPDX-License-Identifier: MIT */
/* dns.h - names to addresses and back: loop.getaddrinfo() and getnameinfo().
 *
 * Numeric hosts and ports are answered at once, without a wait. Names are looked for in a cache and
 * in /etc/hosts, then asked for: of c-ares, whose packets go through the loop, or of libc, in
 * threads kept for that alone (rondo_dns_configure()). Results are libc's struct addrinfo, but
 * only rondo_freeaddrinfo() may free them. Names that are not ASCII are sent as they are; IDNA is
 * the caller's. */
#ifndef RONDO_DNS_H
#define RONDO_DNS_H

#include <netdb.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "rondo/base.h"

RONDO_BEGIN_DECLS

struct addrinfo;			/* strict C hides netdb.h's */

enum rondo_dns_resolver {
	RONDO_DNS_DEFAULT,		/* c-ares if it was built in, but names in .local of libc */
	RONDO_DNS_CARES,		/* at once cancelled, never waits for a thread; knows DNS alone */
	RONDO_DNS_LIBC			/* all that nsswitch.conf names (mDNS, LDAP...), uncached */
};

/* How a loop resolves names. Zero means default throughout. */
struct rondo_dns_options {
	enum rondo_dns_resolver resolver;
	const char *servers;		/* "192.0.2.1,[2001:db8::1]:5353"; as in resolv.conf. c-ares only */
	double timeout_seconds;		/* without a word from a server; then the next is asked. 2 */
	unsigned tries;			/* of each server; 2 */
	unsigned cache_entries;		/* at most; 256 */
	bool no_cache;
	bool no_search;			/* do not try the domains of resolv.conf */
};

/* Choose how the calling thread's loop resolves names from now on, and empty its cache. What c-ares
 * finds is kept for as long as the answer says, at most a day; that there is no such host, 5
 * seconds. c-ares reads resolv.conf by plain calls when a name is asked for.
 *
 * Owns:    options are copied.
 * Awaits:  no. Only from a task.
 * Returns: 0; -EOPNOTSUPP if c-ares was asked for and was not built in; -EINVAL for servers that
 *          are too long (255) and for a negative or infinite time; -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_dns_configure(const struct rondo_dns_options *options);

/* Find the addresses of a host: getaddrinfo(3). Flags AI_PASSIVE, AI_NUMERICHOST, AI_NUMERICSERV,
 * AI_CANONNAME, AI_V4MAPPED and AI_ALL are heeded; AI_ADDRCONFIG is not needed, as addresses that
 * cannot be reached from here come last. Otherwise IPv6 comes first. At most 64 of each host are
 * given out.
 *
 * Owns:    on success *list is the caller's, for rondo_freeaddrinfo(); else it is untouched. host
 *          (NULL: this machine), service (NULL: port 0) and hints (NULL: anything) must stay until
 *          this returns.
 * Awaits:  yes, unless all is numeric or in the cache.
 * Cancel:  -ECANCELED, at once; of libc's lookup, whose thread may need longer, nothing is kept.
 * Returns: 0; -RONDO_ENOTFOUND no such host or service; -RONDO_EDNS no name server answered, or
 *          it failed; -EAFNOSUPPORT, -ESOCKTNOSUPPORT, -EINVAL for hints that make no sense;
 *          -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_getaddrinfo(const char *host, const char *service,
						 const struct addrinfo *hints,
						 struct addrinfo **list);

/* Free what rondo_getaddrinfo() gave; NULL is ignored.
 *
 * Awaits:  no. From any thread. */
RONDO_API void rondo_freeaddrinfo(struct addrinfo *list);

/* Find the name of an address: getnameinfo(3), with its NI_ flags. A host without a name gets its
 * number, unless NI_NAMEREQD.
 *
 * Owns:    host and service are filled in, as far as their sizes are not 0.
 * Awaits:  yes, unless with NI_NUMERICHOST and NI_NUMERICSERV.
 * Cancel:  as rondo_getaddrinfo().
 * Returns: 0; -ENOSPC if a buffer is too small; -RONDO_ENOTFOUND with NI_NAMEREQD; -RONDO_EDNS;
 *          -EAFNOSUPPORT; -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_getnameinfo(const struct sockaddr *address, socklen_t length,
						 char *host, socklen_t host_size, char *service,
						 socklen_t service_size, int flags);

RONDO_END_DECLS
#endif
