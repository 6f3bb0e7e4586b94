/* SPDX-License-Identifier: MIT */
/* bug.c - see bug.h. Writes with write(2) alone, so that it works on any stack. */
#include "base/bug.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *append(char *p, const char *end, const char *text)
{
	while (*text && p < end)
		*p++ = *text++;
	return p;
}

static char *append_number(char *p, const char *end, unsigned n)
{
	char digits[16];
	size_t i = sizeof(digits);

	digits[--i] = '\0';
	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	return append(p, end, digits + i);
}

_Noreturn void rondo__bug(const char *file, int line, const char *what)
{
	char message[256] = "rondo: BUG: ", *p = message + strlen(message);
	const char *end = message + sizeof(message) - 1;

	p = append(p, end, what);
	p = append(p, end, " (");
	p = append(p, end, file);
	p = append(p, end, ":");
	p = append_number(p, end, (unsigned)line);
	p = append(p, end, ")");
	*p++ = '\n';
	if (write(STDERR_FILENO, message, (size_t)(p - message)) < 0)
		p = NULL; /* nobody left to tell */
	abort();
}
