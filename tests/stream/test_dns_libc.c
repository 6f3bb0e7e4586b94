/* SPDX-License-Identifier: MIT */
/* test_dns_libc.c - goal: libc's lookups run in threads of their own, give what ours give, and are
 * abandoned without harm. Method: names that libc finds in /etc/hosts; a gate in front of every
 * thread of to_thread. */
#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "rondo/dns.h"
#include "rondo/thread.h"
#include "rondo_sim.h"
#include "stream/dns.h"
#include "support/matrix.h"
#include "support/step.h"

static const struct rondo_dns_options libc_options = { .resolver = RONDO_DNS_LIBC };

static int ask_libc(const char *host, int family, struct dns_addresses *found)
{
	memset(found, 0, sizeof(*found));
	return rondo__dns_libc(rondo__dns(rondo__loop), host, family, found);
}

static int finds_localhost(void *arg)
{
	const struct dns_address loopback = { .family = AF_INET,
					      .bytes.v4.s_addr = htonl(INADDR_LOOPBACK) };
	struct dns_addresses found;
	char name[64];

	(void)arg;
	CHECK_EQUAL(rondo_dns_configure(&libc_options), 0);
	CHECK_EQUAL(ask_libc("localhost", AF_INET, &found), 0);
	CHECK_EQUAL(found.n, 1);
	CHECK_EQUAL(found.all[0].family, AF_INET);
	CHECK_EQUAL(ntohl(found.all[0].bytes.v4.s_addr), INADDR_LOOPBACK);
	CHECK(strstr(found.name, "localhost"));
	CHECK_EQUAL(rondo__dns_libc_name(rondo__dns(rondo__loop), &loopback, name, 64), 0);
	CHECK(name[0]);
	CHECK_EQUAL(rondo__dns_libc_name(rondo__dns(rondo__loop), &loopback, name, 2), -ENOSPC);
	return 0;
}

/* A1: NSS, as the other choice. */
static void test_libc_finds_what_is_in_its_files(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_run(finds_localhost, NULL, 0);
}

static int start_lookup(void *arg)
{
	struct dns_addresses found;
	int ret = ask_libc("localhost", AF_INET, &found);

	(void)arg;
	return ret == 0 ? (int)found.n : ret;
}

static void test_libc_by_the_matrix(void **state)
{
	const struct matrix_verb v = { .start = start_lookup, .result = 1 };

	(void)state;
	skip_threads_under_valgrind();
	matrix_check("getaddrinfo in a thread", &v);
}

/* --- K6 -------------------------------------------------------------------------------------- */

enum { N_STUCK = 40 };			/* more than to_thread has threads for */

static sem_t gate;

static int stuck(void *arg)
{
	while (sem_wait(&gate) < 0)
		;
	return arg == NULL ? 0 : -1;
}

static int in_thread(void *arg)
{
	return rondo_to_thread(stuck, arg);
}

static int saturated(void *arg)
{
	rondo_task *all[N_STUCK];

	for (int i = 0; i < N_STUCK; i++)
		all[i] = rondo_create_task(in_thread, arg);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(rondo_wait_for(start_lookup, NULL, 60), 1);
	for (int i = 0; i < N_STUCK; i++)
		sem_post(&gate);
	return rondo_gather(N_STUCK, all, NULL, 0);
}

/* gh-112169: in asyncio, functions that block starve DNS. */
static void test_functions_that_block_do_not_hold_up_names(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	sem_init(&gate, 0, 0);
	assert_run(saturated, NULL, 0);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void test_errors_of_libc_are_ours(void **state)
{
	(void)state;
	assert_int_equal(rondo__dns_error(0, 0), 0);
	assert_int_equal(rondo__dns_error(EAI_NONAME, 0), -RONDO_ENOTFOUND);
	assert_int_equal(rondo__dns_error(EAI_SERVICE, 0), -RONDO_ENOTFOUND);
	assert_int_equal(rondo__dns_error(EAI_AGAIN, 0), -RONDO_EDNS);
	assert_int_equal(rondo__dns_error(EAI_FAIL, 0), -RONDO_EDNS);
	assert_int_equal(rondo__dns_error(EAI_FAMILY, 0), -EAFNOSUPPORT);
	assert_int_equal(rondo__dns_error(EAI_SOCKTYPE, 0), -ESOCKTNOSUPPORT);
	assert_int_equal(rondo__dns_error(EAI_BADFLAGS, 0), -EINVAL);
	assert_int_equal(rondo__dns_error(EAI_MEMORY, 0), -ENOMEM);
	assert_int_equal(rondo__dns_error(EAI_OVERFLOW, 0), -ENOSPC);
	assert_int_equal(rondo__dns_error(EAI_SYSTEM, EMFILE), -EMFILE);
	assert_int_equal(rondo__dns_error(EAI_SYSTEM, 0), -RONDO_EDNS);
}

static int in_simulation(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_dns_configure(&libc_options), 0);
	CHECK_EQUAL(start_lookup(NULL), -ENOSYS);
	return 0;
}

/* The real world is no part of a simulation. */
static void test_a_simulated_program_does_not_ask_libc(void **state)
{
	struct rondo_sim_options o = { .seed = 1, .on_failure = rondo_sim_print_failure };

	(void)state;
	assert_int_equal(rondo_sim_run(&o, in_simulation, NULL), 0);
	assert_checks_passed();
}

static int without_cares(void *arg)
{
	const struct rondo_dns_options o = { .resolver = RONDO_DNS_CARES };

	(void)arg;
	CHECK_EQUAL(rondo_dns_configure(&o), rondo__dns_has_cares ? 0 : -EOPNOTSUPP);
	return 0;
}

static void test_a_resolver_that_was_not_built_in_is_refused(void **state)
{
	(void)state;
	assert_run(without_cares, NULL, 0);
}

/* Where there is no /etc/hosts, or none of libc's modules, nothing can be compared. */
static bool libc_knows_localhost(void)
{
	struct addrinfo *list;

	if (getaddrinfo("localhost", NULL, NULL, &list) != 0)
		return false;
	freeaddrinfo(list);
	return true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libc_finds_what_is_in_its_files),
		cmocka_unit_test(test_libc_by_the_matrix),
		cmocka_unit_test(test_functions_that_block_do_not_hold_up_names),
		cmocka_unit_test(test_errors_of_libc_are_ours),
		cmocka_unit_test(test_a_simulated_program_does_not_ask_libc),
		cmocka_unit_test(test_a_resolver_that_was_not_built_in_is_refused),
	};

	if (!libc_knows_localhost()) {
		print_message("libc does not find localhost here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
