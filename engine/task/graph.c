/* SPDX-License-Identifier: MIT */
/* graph.c - who awaits whom, as text and as JSON (row I3).
 *
 * The edges are the waits themselves, and a group's owner awaits its children from the first on, as
 * in asyncio. Chains of awaits may be a hundred thousand deep, so the walk keeps its way in the
 * nodes. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rondo/debug.h"
#include "task/group.h"

enum { NOWHERE = UINT32_MAX, INDENT_MAX = 40, FRAMES = 32 };

enum mark { MARK_NEW, MARK_ON_PATH, MARK_SHOWN };

struct node {
	struct rondo_task *task;
	uint32_t first, n;		/* its edges */
	uint32_t n_awaiters;
	uint32_t next;			/* the edge to follow next */
	uint32_t parent;		/* the way back */
	uint8_t mark;			/* enum mark */
};

struct edge {
	uint32_t from, to;
};

struct graph {
	struct node *nodes;		/* by id, ascending, as loop->tasks is */
	uint32_t n_nodes;
	struct edge *edges;		/* sorted by from, once complete */
	size_t n_edges, room;
	uint32_t at;			/* the node whose edges are being collected */
	bool failed;
	rondo_sink *sink;
	void *arg;
	unsigned flags;
};

static struct node *find(const struct graph *g, uint64_t id)
{
	uint32_t low = 0, high = g->n_nodes;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (g->nodes[middle].task->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < g->n_nodes && g->nodes[low].task->id == id ? &g->nodes[low] : NULL;
}

static void add_edge(struct graph *g, const struct node *from, struct node *to)
{
	if (!from || !to)
		return;
	if (g->n_edges == g->room) {
		size_t room = g->room ? g->room * 2 : 64;
		struct edge *edges = realloc(g->edges, room * sizeof(*edges));

		g->failed |= !edges;
		if (!edges)
			return;
		g->edges = edges;
		g->room = room;
	}
	g->edges[g->n_edges++] = (struct edge){ (uint32_t)(from - g->nodes),
						(uint32_t)(to - g->nodes) };
	to->n_awaiters++;
}

static void seen(struct rondo_task *t, void *arg)
{
	struct graph *g = arg;

	add_edge(g, &g->nodes[g->at], find(g, t->id));
}

static void collect_edges(struct graph *g)
{
	for (g->at = 0; g->at < g->n_nodes; g->at++) {
		struct rondo_task *t = g->nodes[g->at].task;
		const struct group *group = task_known(t)->group;

		if (t->wait && t->wait->class->awaits)
			t->wait->class->awaits(t->wait, seen, g);
		if (group)
			add_edge(g, find(g, group->owner->id), &g->nodes[g->at]);
	}
}

static int compare(const void *a, const void *b)
{
	const struct edge *one = a, *two = b;

	if (one->from != two->from)
		return one->from < two->from ? -1 : 1;
	return one->to < two->to ? -1 : one->to > two->to;
}

/* A group's owner may await a child for another reason, too. */
static void drop_doubles(struct graph *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n_edges; i++)
		if (!n || compare(&g->edges[n - 1], &g->edges[i]) != 0)
			g->edges[n++] = g->edges[i];
	g->n_edges = n;
}

static int collect(struct graph *g, struct loop *l)
{
	g->nodes = malloc((l->n_live + 1) * sizeof(*g->nodes));
	if (!g->nodes)
		return -ENOMEM;
	for (struct list *p = l->tasks.next; p != &l->tasks; p = p->next) {
		struct rondo_task *t = container_of(p, struct rondo_task, link);

		if (!task_is_done(t) && g->n_nodes < l->n_live)
			g->nodes[g->n_nodes++] = (struct node){ .task = t, .parent = NOWHERE };
	}
	collect_edges(g);
	if (g->failed)
		return -ENOMEM;
	if (g->n_edges)
		qsort(g->edges, g->n_edges, sizeof(*g->edges), compare);
	drop_doubles(g);
	for (size_t i = g->n_edges; i-- > 0;) {
		struct node *from = &g->nodes[g->edges[i].from];

		from->first = (uint32_t)i;
		from->n++;
	}
	return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void put(const struct graph *g, const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		g->sink(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1, g->arg);
}

static const char *state_of(const struct rondo_task *t)
{
	return t == t->loop->running ? "running" : t->wait ? "waiting" : "ready";
}

static unsigned frames_of(const struct graph *g, struct rondo_task *t, void *frames[])
{
	return g->flags & RONDO_GRAPH_BACKTRACES ? rondo_task_backtrace(t, frames, FRAMES) : 0;
}

static void put_task(const struct graph *g, struct rondo_task *t, unsigned depth, const char *note)
{
	int indent = 2 * (int)(depth < INDENT_MAX ? depth : INDENT_MAX);
	void *frames[FRAMES];
	char what[256] = "";
	unsigned n;

	if (t->wait)
		rondo_task_describe(t, what, sizeof(what));
	put(g, "%*s%s [%s%s%s]%s%s%s\n", indent, "", rondo_task_name(t), state_of(t),
	    what[0] ? ": " : "", what, rondo_cancelling(t) ? " (told to stop)" : "",
	    note ? " - " : "", note ? note : "");
	n = note ? 0 : frames_of(g, t, frames);
	for (unsigned i = 0; i < n; i++) {
		rondo_frame_describe(frames[i], what, sizeof(what));
		put(g, "%*s  #%u %s\n", indent, "", i, what);
	}
}

/* Show the next task that this one awaits. Returns the node to go on from: deeper, here, or
 * back. */
static uint32_t walk_on(const struct graph *g, uint32_t at, unsigned *depth)
{
	struct node *n = &g->nodes[at], *next;
	uint32_t to;

	if (n->next == n->n) {
		n->mark = MARK_SHOWN;
		--*depth;
		return n->parent;
	}
	to = g->edges[n->first + n->next++].to;
	next = &g->nodes[to];
	put_task(g, next->task, *depth, next->mark == MARK_ON_PATH ? "cycle" :
		 next->mark == MARK_SHOWN ? "see above" : NULL);
	if (next->mark != MARK_NEW)
		return at;
	next->mark = MARK_ON_PATH;
	next->parent = at;
	++*depth;
	return to;
}

static void put_tree(const struct graph *g, uint32_t root)
{
	unsigned depth = 1;

	put_task(g, g->nodes[root].task, 0, NULL);
	g->nodes[root].mark = MARK_ON_PATH;
	for (uint32_t at = root; at != NOWHERE;)
		at = walk_on(g, at, &depth);
}

static void put_trees(const struct graph *g)
{
	for (uint32_t i = 0; i < g->n_nodes; i++)
		if (!g->nodes[i].n_awaiters)
			put_tree(g, i);
	for (uint32_t i = 0; i < g->n_nodes; i++)	/* what is left is circles */
		if (g->nodes[i].mark == MARK_NEW)
			put_tree(g, i);
}

static void put_string(const struct graph *g, const char *s)
{
	put(g, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			put(g, "\\%c", c);
		else if (c < ' ')
			put(g, "\\u%04x", c);
		else
			g->sink(s, 1, g->arg);
	}
	put(g, "\"");
}

static void put_json_frames(const struct graph *g, struct rondo_task *t)
{
	void *frames[FRAMES];
	unsigned n = frames_of(g, t, frames);
	char what[256];

	put(g, ",\"backtrace\":[");
	for (unsigned i = 0; i < n; i++) {
		put(g, i ? "," : "");
		rondo_frame_describe(frames[i], what, sizeof(what));
		put_string(g, what);
	}
	put(g, "]");
}

static void put_json_task(const struct graph *g, const struct node *n)
{
	struct rondo_task *t = n->task;
	char what[256] = "";

	put(g, "{\"id\":%llu,\"name\":", (unsigned long long)t->id);
	put_string(g, rondo_task_name(t));
	put(g, ",\"state\":\"%s\",\"waits_for\":", state_of(t));
	if (t->wait)
		rondo_task_describe(t, what, sizeof(what));
	if (t->wait)
		put_string(g, what);
	else
		put(g, "null");
	put(g, ",\"cancelling\":%u,\"awaits\":[", rondo_cancelling(t));
	for (uint32_t i = 0; i < n->n; i++)
		put(g, "%s%llu", i ? "," : "",
		    (unsigned long long)g->nodes[g->edges[n->first + i].to].task->id);
	put(g, "]");
	if (g->flags & RONDO_GRAPH_BACKTRACES)
		put_json_frames(g, t);
	put(g, "}");
}

static void put_json(const struct graph *g)
{
	put(g, "[");
	for (uint32_t i = 0; i < g->n_nodes; i++) {
		put(g, i ? ",\n" : "");
		put_json_task(g, &g->nodes[i]);
	}
	put(g, "]\n");
}

int rondo_graph_write(rondo_sink *sink, void *arg, unsigned flags)
{
	struct graph g = { .sink = sink, .arg = arg, .flags = flags };
	int ret;

	if (unlikely(!rondo__loop))
		BUG("rondo_graph_write() was called outside a loop");
	ret = collect(&g, rondo__loop);
	if (ret == 0 && (flags & RONDO_GRAPH_JSON))
		put_json(&g);
	else if (ret == 0)
		put_trees(&g);
	free(g.nodes);
	free(g.edges);
	return ret < 0 ? ret : (int)g.n_nodes;
}
