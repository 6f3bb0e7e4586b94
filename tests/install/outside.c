/* SPDX-License-Identifier: MIT */
/* outside.c - a C program that uses an installed rondo. */
#include <rondo.h>
#include <stdio.h>

static int nap(void *arg)
{
	int error = rondo_sleep(0.001);

	if (error == 0)
		printf("slept %d ms\n", *(int *)arg);
	return error;
}

int main(void)
{
	int ms = 1;

	return rondo_run(nap, &ms) != 0;
}
