/* SPDX-License-Identifier: MIT */
/* channels.c - workload: actors send and receive through channels with and without room, alone or in
 * selects beside events, futures, tasks, times and descriptors, and ask generators, under time limits
 * and while being cancelled at any moment.
 *
 * What is promised: a value is received once if its send went well, and else never; those of one
 * sender come in order; the cases of a select that did not win did nothing; nobody waits for what is
 * there; a generator counts on from where it was, and has cleaned up when it was ended. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

enum { N_CHANNELS = 4, ACTORS_MAX = 64, STEPS_MAX = 40, CASES_MAX = 6, VALUES_MAX = 1 << 14 };

RONDO_CHANNEL(uint64_t, numbers);
RONDO_XCHANNEL(uint64_t, xnumbers);

/* What became of a value: a receiver may have it before the sender hears of that. */
struct value {
	bool offered;			/* it may still be received */
	bool sent, received;
	uint8_t sender, channel;
};

/* What an actor waits for, if it is sure to be in the lists. */
struct call {
	uint64_t ticket;		/* 0: none */
	unsigned sends, receives;	/* channels (bits) */
};

struct stage;

struct actor {
	struct stage *stage;
	rondo_task *task;
	unsigned number, n_steps;
	unsigned n_asked;		/* requests to cancel it that it did not take back */
	struct call call;
	bool ended;
};

struct stage {
	struct numbers channels[N_CHANNELS];
	struct xnumbers between;	/* number N_CHANNELS */
	struct value values[VALUES_MAX];
	uint64_t last[ACTORS_MAX + 1][N_CHANNELS + 1];	/* received of each sender, by channel */
	uint64_t n_values, n_tickets;
	uint64_t n_moves;		/* calls begun and ended */
	struct rondo_event event;
	struct rondo_future future;
	int pipe[2];
	struct actor actors[ACTORS_MAX];
	rondo_task *tasks[ACTORS_MAX];
	unsigned n_actors, n_left, n_bodies;
	bool closed;
	bool has_byte;			/* in the pipe */
};

static unsigned below(unsigned n)
{
	return (unsigned)(rondo_sim_random() % n);
}

/* --- values ---------------------------------------------------------------------------------- */

static uint64_t offer(struct actor *a, unsigned channel)
{
	uint64_t v = ++a->stage->n_values;

	a->stage->values[v % VALUES_MAX] = (struct value){
		.offered = true, .sender = (uint8_t)a->number, .channel = (uint8_t)channel,
	};
	return v;
}

static struct value *value_of(struct stage *s, uint64_t v)
{
	if (!v || v > s->n_values || v + VALUES_MAX <= s->n_values)
		rondo_sim_fail("%llu was received, and nobody has sent it", (unsigned long long)v);
	return &s->values[v % VALUES_MAX];
}

static void was_sent(struct stage *s, uint64_t v, int ret)
{
	struct value *value = value_of(s, v);

	if (ret < 0 && value->received)
		rondo_sim_fail("a value was received whose sender was told %d", ret);
	value->offered = false;
	value->sent = ret == 0;
}

/* `late`: others may have received meanwhile. */
static void was_received(struct stage *s, uint64_t v, unsigned channel, bool late)
{
	struct value *value = value_of(s, v);
	uint64_t *last = &s->last[value->sender][channel];

	if (value->channel != channel || value->received || (!value->offered && !value->sent))
		rondo_sim_fail("a value was received %s", value->received ? "twice" :
			       value->channel != channel ? "from another channel" :
							   "that was taken back");
	/* From hand to hand, who came second has it before the one that is woken. */
	late |= channel >= N_CHANNELS || !rondo_queue_max(&s->channels[channel].queue);
	if (v <= *last && !late)
		rondo_sim_fail("the values of one sender changed places");
	*last = v > *last ? v : *last;
	value->received = true;
}

/* --- waiting --------------------------------------------------------------------------------- */

static void enter(struct actor *a, unsigned sends, unsigned receives)
{
	a->stage->n_moves++;
	a->call = (struct call){ .ticket = ++a->stage->n_tickets, .sends = sends,
				 .receives = receives };
}

static int leave(struct actor *a, int ret)
{
	a->stage->n_moves++;
	a->call.ticket = 0;
	if (ret == -ECANCELED && !a->n_asked)
		rondo_sim_fail("a task was cancelled that nobody cancels");
	return ret;
}

static int pause_some(struct actor *a)
{
	return leave(a, below(2) ? rondo_yield() : rondo_sleep_ns(rondo_sim_random() % 100000));
}

/* --- steps ----------------------------------------------------------------------------------- */

static int send_one(struct actor *a)
{
	struct stage *s = a->stage;
	unsigned c = below(N_CHANNELS + 1);
	uint64_t v = offer(a, c);
	int ret;

	enter(a, c < N_CHANNELS ? 1u << c : 0, 0);
	ret = c < N_CHANNELS ? numbers_send(&s->channels[c], v) : xnumbers_send(&s->between, v);
	was_sent(s, v, ret);
	return leave(a, ret);
}

static int receive_one(struct actor *a)
{
	struct stage *s = a->stage;
	unsigned c = below(N_CHANNELS + 1);
	uint64_t v = 0;
	int ret;

	enter(a, 0, c < N_CHANNELS ? 1u << c : 0);
	ret = c < N_CHANNELS ? numbers_receive(&s->channels[c], &v) :
			       xnumbers_receive(&s->between, &v);
	if (ret == 0)
		was_received(s, v, c, false);
	else if (v)
		rondo_sim_fail("a receive that failed left a value");
	return leave(a, ret);
}

struct choice {
	struct rondo_select_case cases[CASES_MAX];
	uint64_t values[CASES_MAX];
	unsigned channels[CASES_MAX];
	enum { RECEIVES, SENDS, OTHER } what[CASES_MAX];
	unsigned n;
	unsigned sends, receives;
	bool polls;			/* when it has won it may take a while to return */
};

static struct rondo_select_case other_case(struct actor *a, struct choice *c)
{
	struct stage *s = a->stage;
	rondo_task *t = s->tasks[below(s->n_actors)];

	switch (below(6)) {
	case 0:
		return rondo_select_event(&s->event);
	case 1:
		return rondo_select_future(&s->future);
	case 2:
		c->polls = true;
		return rondo_select_fd(s->pipe[0], POLLIN);
	case 3:
		return rondo_select_task(t == a->task ? NULL : t);
	default:
		return rondo_select_time(rondo_now_ns() + rondo_sim_random() % 100000);
	}
}

static void choose(struct actor *a, struct choice *c)
{
	c->n = 1 + below(CASES_MAX);
	for (unsigned i = 0; i < c->n; i++) {
		unsigned ch = c->channels[i] = below(N_CHANNELS);
		struct rondo_queue *q = &a->stage->channels[ch].queue;

		c->what[i] = below(3);
		c->values[i] = 0;
		if (c->what[i] == RECEIVES) {
			c->receives |= 1u << ch;
			c->cases[i] = rondo_select_get(q, &c->values[i]);
		} else if (c->what[i] == SENDS) {
			c->sends |= 1u << ch;
			c->values[i] = offer(a, ch);
			c->cases[i] = rondo_select_put(q, &c->values[i]);
		} else {
			c->cases[i] = other_case(a, c);
		}
	}
}

/* Of those that did not win, nothing was received, and nothing will be. */
static void check_choice(struct stage *s, struct choice *c, int winner)
{
	for (unsigned i = 0; i < c->n; i++) {
		bool won = (int)i == winner && c->cases[i].result == 0;

		if (c->what[i] == SENDS)
			was_sent(s, c->values[i], won ? 0 : -EAGAIN);
		else if (c->what[i] == RECEIVES && won)
			was_received(s, c->values[i], c->channels[i], c->polls);
		else if (c->what[i] == RECEIVES && c->values[i])
			rondo_sim_fail("a case that did not win left a value");
	}
}

static int select_some(struct actor *a)
{
	struct choice c = { 0 };
	int ret;

	choose(a, &c);
	enter(a, c.polls ? 0 : c.sends, c.polls ? 0 : c.receives);
	ret = rondo_select(c.cases, c.n, below(4) ? RONDO_FOREVER : below(100) / 1e6);
	check_choice(a->stage, &c, ret);
	if (ret == -EDEADLK || ret == -ETIMEDOUT || ret == -ENOMEM)
		ret = 0;
	return leave(a, ret < 0 ? ret : 0);
}

/* --- generators ------------------------------------------------------------------------------ */

/* Whoever ends it waits for its end, so it may count in the other's frame. */
RONDO_GENERATOR(unsigned, counting, (struct stage *, s), (unsigned, n), (unsigned *, n_yielded))
{
	int ret = 0;

	s->n_bodies++;
	for (unsigned i = 0; i < n && ret == 0; i++) {
		if (below(2))
			ret = below(2) ? rondo_yield() : rondo_sleep_ns(rondo_sim_random() % 50000);
		*n_yielded += ret == 0;
		if (ret == 0)
			ret = counting_yield(gen, i);
	}
	if (ret < 0 && below(2) && rondo_sleep_ns(rondo_sim_random() % 50000) < 0)
		ret = -ECANCELED;
	s->n_bodies--;
	return ret;
}

static int ask_some(struct actor *a)
{
	struct stage *s = a->stage;
	unsigned value = 0, n = below(6), n_asked = below(8), n_got = 0, n_yielded = 0;
	struct counting_generator *g = counting(s, n, &n_yielded);
	int ret = 0;

	while (ret == 0 && n_asked--) {
		ret = counting_next(g, &value);
		if (ret == 0 && value != n_got++)
			rondo_sim_fail("a generator yielded %u instead of %u", value, n_got - 1);
	}
	if (ret == -RONDO_EEND && n_got != n)
		rondo_sim_fail("a generator ended after %u values of %u", n_got, n);
	ret = counting_end(g, ret);
	if (n_yielded != n_got)
		rondo_sim_fail("of %u yielded values %u were got", n_yielded, n_got);
	return leave(a, ret == -ENOMEM ? 0 : ret);
}

/* --- actors ---------------------------------------------------------------------------------- */

static int any_step(struct actor *a)
{
	switch (below(8)) {
	case 0:
	case 1:
		return send_one(a);
	case 2:
	case 3:
		return receive_one(a);
	case 4:
		return ask_some(a);
	case 5:
		return pause_some(a);
	default:
		return select_some(a);
	}
}

static int with_limit(struct actor *a)
{
	struct rondo_timeout limit;
	int ret = rondo_timeout_begin(&limit, below(200) / 1e6);

	if (ret < 0)
		return 0;
	a->n_asked++;			/* perhaps */
	ret = rondo_timeout_end(&limit, any_step(a));
	a->n_asked--;
	return ret == -ETIMEDOUT ? 0 : ret;
}

static int act(void *arg)
{
	struct actor *a = arg;
	int ret = 0;

	while (a->n_steps-- && ret != -RONDO_EQSHUTDOWN) {
		ret = below(3) ? any_step(a) : with_limit(a);
		if (ret != -ECANCELED && ret < 0 && ret != -RONDO_EQSHUTDOWN)
			rondo_sim_fail("an actor got %d", ret);
		if (ret == -ECANCELED && !a->n_asked)
			rondo_sim_fail("a time limit was told as a cancel");
		if (ret == -ECANCELED && below(8) == 0)
			break;
		for (; ret == -ECANCELED && a->n_asked; a->n_asked--)
			rondo_uncancel(a->task);
	}
	return ret;
}

static int live(void *arg)
{
	struct actor *a = arg;
	int ret = act(a);

	a->ended = true;
	a->stage->n_left--;
	return ret == -RONDO_EQSHUTDOWN ? 0 : ret;
}

static void dropped(void *arg)
{
	struct actor *a = arg;

	a->ended = true;
	a->stage->n_left--;
}

/* --- the keeper ------------------------------------------------------------------------------ */

/* Those who wait in a channel now and have before, to send or to receive. */
static unsigned n_waiting(const struct stage *s, const uint64_t *before, unsigned c, bool sends,
			  const struct actor *but)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_actors; i++) {
		const struct actor *a = &s->actors[i];

		n += a->call.ticket && a->call.ticket == before[i] && !a->n_asked && a != but &&
		     ((sends ? a->call.sends : a->call.receives) >> c & 1);
	}
	return n;
}

/* Is there somebody else whom one of them could meet? */
static bool two_could_meet(const struct stage *s, const uint64_t *before, unsigned c)
{
	for (unsigned i = 0; i < s->n_actors; i++) {
		const struct actor *a = &s->actors[i];

		if (a->call.ticket && a->call.ticket == before[i] && !a->n_asked &&
		    (a->call.sends >> c & 1) && n_waiting(s, before, c, false, a))
			return true;
	}
	return false;
}

/* When nothing has begun or ended for some turns, all have run who were woken. */
static int check_waiting(struct stage *s)
{
	uint64_t before[ACTORS_MAX], n_moves = s->n_moves;

	for (unsigned i = 0; i < s->n_actors; i++)
		before[i] = s->actors[i].call.ticket;
	for (int i = 0; i < 3; i++)
		if (rondo_yield() < 0)
			return -ECANCELED;
	if (s->n_moves != n_moves)
		return 0;
	for (unsigned c = 0; c < N_CHANNELS && !s->closed; c++) {
		size_t n = rondo_queue_size(&s->channels[c].queue);

		if (two_could_meet(s, before, c))
			rondo_sim_fail("a sender and a receiver wait in channel %u", c);
		if (n && n_waiting(s, before, c, false, NULL))
			rondo_sim_fail("a receiver waits in channel %u, which holds %zu", c, n);
		if (n < rondo_queue_max(&s->channels[c].queue) && n_waiting(s, before, c, true, NULL))
			rondo_sim_fail("a sender waits in channel %u, which has room", c);
	}
	return 0;
}

static void help_channel(struct actor *keeper, unsigned c)
{
	struct stage *s = keeper->stage;
	uint64_t v;

	if (below(2)) {
		v = offer(keeper, c);
		was_sent(s, v, c < N_CHANNELS ? numbers_send_nowait(&s->channels[c], v) :
						xnumbers_send_nowait(&s->between, v));
	} else if ((c < N_CHANNELS ? numbers_receive_nowait(&s->channels[c], &v) :
				     xnumbers_receive_nowait(&s->between, &v)) == 0) {
		was_received(s, v, c, false);
	}
}

static void help_others(struct stage *s)
{
	char byte;
	ssize_t ret;

	if (below(4) == 0)
		rondo_event_set(&s->event);
	else
		rondo_event_clear(&s->event);
	if (rondo_future_state(&s->future) != RONDO_PENDING)
		rondo_future_init(&s->future);
	else if (below(4) == 0)
		(void)rondo_future_set_result(&s->future, 0);
	if (below(4))
		return;
	ret = s->has_byte ? rondo_read(s->pipe[0], &byte, 1) : rondo_write(s->pipe[1], "x", 1);
	s->has_byte ^= ret == 1;
}

static int keep(struct stage *s)
{
	struct actor keeper = { .stage = s, .number = ACTORS_MAX };

	for (unsigned round = 0; s->n_left; round++) {
		struct actor *a = &s->actors[below(s->n_actors)];

		uint64_t most_ns = s->closed ? 10000000 : 20000;

		if (rondo_sleep_ns(rondo_sim_random() % most_ns) < 0 || check_waiting(s) < 0)
			return -ECANCELED;
		for (unsigned i = s->closed ? 0 : below(3); i--;)
			help_channel(&keeper, below(N_CHANNELS + 1));
		help_others(s);
		if (below(3) == 0 && !a->ended) {
			a->n_asked++;
			rondo_cancel(a->task);
		}
		if (round == 400) {
			s->closed = true;
			for (unsigned c = 0; c < N_CHANNELS; c++)
				numbers_close(&s->channels[c]);
			xnumbers_close(&s->between);
		}
	}
	return 0;
}

/* --- all ------------------------------------------------------------------------------------- */

static int open_stage(struct stage *s, unsigned n_actors)
{
	static const size_t rooms[N_CHANNELS] = { 0, 0, 1, 3 };
	int ret = rondo_pipe(s->pipe, 0);

	if (ret < 0)
		return ret;
	rondo_future_init(&s->future);
	for (unsigned c = 0; c < N_CHANNELS; c++)
		if (numbers_init(&s->channels[c], rooms[c]) < 0)
			abort();
	if (xnumbers_init(&s->between, below(3)) < 0)
		abort();
	s->n_actors = n_actors < ACTORS_MAX ? n_actors : ACTORS_MAX;
	return 0;
}

static void start(struct stage *s)
{
	const struct rondo_task_options o = { .on_drop = dropped };

	for (unsigned i = 0; i < s->n_actors; i++) {
		s->actors[i] = (struct actor){ .stage = s, .number = i,
					       .n_steps = 1 + below(STEPS_MAX) };
		s->tasks[i] = s->actors[i].task = rondo_create_task_with(&o, live, &s->actors[i]);
		if (!s->tasks[i])
			abort();
		s->n_left++;
	}
}

/* What is still held is received; then all that was sent has been. */
static void close_stage(struct stage *s)
{
	uint64_t v, first = s->n_values > VALUES_MAX ? s->n_values - VALUES_MAX + 1 : 1;

	for (unsigned c = 0; c < N_CHANNELS; c++) {
		while (numbers_receive_nowait(&s->channels[c], &v) == 0)
			was_received(s, v, c, false);
		numbers_free(&s->channels[c]);
	}
	while (xnumbers_receive_nowait(&s->between, &v) == 0)
		was_received(s, v, N_CHANNELS, true);
	xnumbers_free(&s->between);
	for (v = first; v <= s->n_values; v++)
		if (value_of(s, v)->sent != value_of(s, v)->received)
			rondo_sim_fail("a value was sent and not received");
	if (s->n_bodies)
		rondo_sim_fail("%u generators were ended and still run", s->n_bodies);
	(void)rondo_close(s->pipe[0]);
	(void)rondo_close(s->pipe[1]);
}

static int channels_main(void *arg)
{
	const struct workload_run *run = arg;
	struct stage *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		abort();
	ret = open_stage(s, run->n_tasks);
	if (ret < 0) {
		free(s);
		return ret == -ECANCELED ? ret : 0;
	}
	start(s);
	ret = keep(s);
	if (ret == 0)
		ret = rondo_gather(s->n_actors, s->tasks, NULL, RONDO_GATHER_ALL);
	close_stage(s);
	free(s);
	return ret;
}

const struct workload workload_channels = {
	.name = "channels", .what = "channels, selects and generators; nothing lost, nobody forgotten",
	.main = channels_main, .n_tasks = 10,
};
