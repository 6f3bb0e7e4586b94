/* SPDX-License-Identifier: MIT */
/* probe.c - `rondo probe`: what this kernel has, what is used, what is refused and why. */
#include <errno.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const char *const state_names[] = {
	[RONDO_PROBE_ABSENT] = "absent",   [RONDO_PROBE_PRESENT] = "present",
	[RONDO_PROBE_USED] = "used",	   [RONDO_PROBE_REFUSED] = "refused",
	[RONDO_PROBE_VALUE] = "value",
};

static bool is_fallback(const struct rondo_probe_item *item)
{
	return !strcmp(item->group, "fallback") && item->state != RONDO_PROBE_USED;
}

/* --- for people ------------------------------------------------------------------------------ */

/* The summary comes first but is known last, so the details wait in memory. */
struct text {
	FILE *details;
	char group[32];
	char release[80], machine[80];
	unsigned n_ops;			/* opcodes the kernel has */
	FILE *fallbacks;		/* those in force, one per line */
	unsigned n_fallbacks;
};

static void text_count(struct text *t, const struct rondo_probe_item *item)
{
	if (!strcmp(item->name, "release"))
		snprintf(t->release, sizeof(t->release), "%s", item->value);
	if (!strcmp(item->name, "machine"))
		snprintf(t->machine, sizeof(t->machine), "%s", item->value);
	if (!strcmp(item->group, "opcode") && item->state != RONDO_PROBE_ABSENT)
		t->n_ops++;
	if (is_fallback(item)) {
		t->n_fallbacks++;
		fprintf(t->fallbacks, "  %s: %s\n", item->name, item->value);
	}
}

static void text_item(void *ctx, const struct rondo_probe_item *item)
{
	struct text *t = ctx;
	bool value = item->state == RONDO_PROBE_VALUE;
	const char *state = value ? item->value : state_names[item->state];
	const char *more = value ? "" : item->value;

	text_count(t, item);
	if (strcmp(t->group, item->group))
		fprintf(t->details, "\n%s\n", item->group);
	snprintf(t->group, sizeof(t->group), "%s", item->group);
	if (is_fallback(item))
		state = "instead";
	if (!*more && !*item->why)
		fprintf(t->details, "  %-26s %s\n", item->name, state);
	else
		fprintf(t->details, "  %-26s %-9s %s%s%s\n", item->name, state, more,
			*more && *item->why ? "; " : "", item->why);
}

static void text_summary(FILE *f, const struct text *t, int error, const char *fallbacks)
{
	fprintf(f, "rondo %s on Linux %s, %s\n", rondo_version(), t->release, t->machine);
	if (error < 0) {
		fputs("io_uring: refused\n", f);
		return;
	}
	fprintf(f, "io_uring: usable, with %u opcodes\n", t->n_ops);
	fprintf(f, "fall-backs in force: %u\n%s", t->n_fallbacks, fallbacks);
}

static int text_report(FILE *f)
{
	char *details = NULL, *fallbacks = NULL;
	size_t size;
	struct text t = { .details = open_memstream(&details, &size),
			  .fallbacks = open_memstream(&fallbacks, &size) };
	int ret = t.details && t.fallbacks ? rondo_probe(text_item, &t) : -ENOMEM;
	bool complete = t.details && t.fallbacks;

	if (t.details && fclose(t.details))
		complete = false;
	if (t.fallbacks && fclose(t.fallbacks))
		complete = false;
	if (complete) {
		text_summary(f, &t, ret, fallbacks);
		fputs(details, f);
	}
	free(details);
	free(fallbacks);
	return complete ? ret : -ENOMEM;
}

/* --- for programs ---------------------------------------------------------------------------- */

/* Every byte that JSON, or the reader's idea of an encoding, could stumble over is escaped. */
static void json_string(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			putc(c, f);
	}
	putc('"', f);
}

static void json_field(FILE *f, const char *name, const char *value)
{
	json_string(f, name);
	fputs(": ", f);
	json_string(f, value);
}

struct json {
	FILE *f;
	bool started;
	unsigned n_fallbacks;
};

static void json_item(void *ctx, const struct rondo_probe_item *item)
{
	struct json *j = ctx;

	fprintf(j->f, "%s    { ", j->started ? ",\n" : "\n");
	json_field(j->f, "group", item->group);
	fputs(", ", j->f);
	json_field(j->f, "name", item->name);
	fputs(", ", j->f);
	json_field(j->f, "state", state_names[item->state]);
	fputs(", ", j->f);
	json_field(j->f, "value", item->value);
	fputs(", ", j->f);
	json_field(j->f, "why", item->why);
	fputs(" }", j->f);
	j->started = true;
	j->n_fallbacks += is_fallback(item);
}

static int json_report(FILE *f)
{
	struct json j = { .f = f };
	char why[256] = "";
	int ret;

	fputs("{\n  ", f);
	json_field(f, "version", rondo_version());
	fputs(",\n  \"items\": [", f);
	ret = rondo_probe(json_item, &j);
	if (ret < 0)
		rondo_probe_explain(ret, why, sizeof(why));
	fprintf(f, "\n  ],\n  \"n_fallbacks\": %u,\n  \"usable\": %s,\n  ", j.n_fallbacks,
		ret < 0 ? "false" : "true");
	json_field(f, "error", why);
	fputs("\n}\n", f);
	return ret;
}

int cmd_probe(int argc, char **argv)
{
	bool json = argc > 1 && !strcmp(argv[1], "--json");
	char *report = NULL, why[256];
	size_t size;
	FILE *f;
	int ret, failed;

	if (argc > 1 + json)
		return cli_usage(argv[1 + json], "unknown argument; rondo probe [--json]");
	/* In memory first, so that errno still tells why when standard output cannot be written. */
	f = open_memstream(&report, &size);
	if (!f)
		return cli_fail_error("probe", -errno);
	ret = json ? json_report(f) : text_report(f);
	failed = fclose(f) || fputs(report, stdout) < 0 || fflush(stdout);
	if (failed)
		cli_fail_error("standard output", -errno);
	free(report);
	if (failed)
		return CLI_FAILED;
	if (ret == 0)
		return CLI_OK;
	rondo_probe_explain(ret, why, sizeof(why));
	return cli_fail("io_uring", why);
}
