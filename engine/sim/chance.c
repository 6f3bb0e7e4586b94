/* SPDX-License-Identifier: MIT */
/* chance.c - random numbers, one stream per concern, and faults drawn from them. */
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

/* splitmix64 (Steele, Lea, Flood 2014): one word of state, so streams cost nothing. */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t seeded(uint64_t seed, uint64_t stream)
{
	uint64_t state = seed;

	state = next(&state) ^ stream * UINT64_C(0xd1342543de82ef95);
	return next(&state);
}

static uint64_t below(uint64_t *state, uint64_t n)
{
	return n ? (uint64_t)((unsigned __int128)next(state) * n >> 64) : 0;
}

static unsigned bits(uint64_t x)
{
	return x ? 64 - (unsigned)__builtin_clzll(x) : 0;
}

static uint64_t log_uniform(uint64_t *state, uint64_t min, uint64_t max)
{
	unsigned n_bits = bits(min) + (unsigned)below(state, bits(max) - bits(min) + 1);
	uint64_t low = n_bits ? UINT64_C(1) << (n_bits - 1) : 0, high = n_bits ? low * 2 - 1 : 0;

	low = low < min ? min : low;
	high = high > max ? max : high;
	return low + below(state, high - low + 1);
}

uint64_t rondo__sim_random(struct sim *s, enum sim_stream stream)
{
	return next(&s->streams[stream]);
}

uint64_t rondo__sim_below(struct sim *s, enum sim_stream stream, uint64_t n)
{
	return below(&s->streams[stream], n);
}

uint64_t rondo__sim_log(struct sim *s, enum sim_stream stream, uint64_t min, uint64_t max)
{
	return log_uniform(&s->streams[stream], min, max);
}

bool rondo__sim_often(struct sim *s, enum sim_stream stream, unsigned n)
{
	return below(&s->streams[stream], 1000) < n;
}

/* --- faults ---------------------------------------------------------------------------------- */

#define NAME(name, max) #name,
const char *const rondo__sim_fault_names[SIM_N_FAULTS] = { SIM_FAULTS(NAME) };
#undef NAME

#define MAX(name, max) max,
static const uint16_t max_per_mille[SIM_N_FAULTS] = { SIM_FAULTS(MAX) };
#undef MAX

static bool is_named(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = names; ; p++) {
		if (!strncasecmp(p, name, len) && (!p[len] || p[len] == ','))
			return true;
		p = strchr(p, ',');
		if (!p)
			return false;
	}
}

static void draw_fault(struct sim *s, enum sim_fault f)
{
	const char *only = s->options.only_faults;
	uint64_t *stream = &s->faults.streams[f];
	bool exists = below(stream, 3) == 0;
	uint64_t per_mille = log_uniform(stream, 1, max_per_mille[f]);

	if (only)
		exists = is_named(only, rondo__sim_fault_names[f]);
	s->faults.per_mille[f] = exists && !s->options.no_faults ? (uint16_t)per_mille : 0;
}

void rondo__sim_faults_draw(struct sim *s)
{
	for (unsigned i = 0; i < SIM_N_STREAMS; i++)
		s->streams[i] = seeded(s->options.seed, i);
	for (unsigned f = 0; f < SIM_N_FAULTS; f++) {
		s->faults.streams[f] = seeded(s->options.seed, 1000 + f);
		draw_fault(s, f);
	}
}

/* How many of the names are those of faults? All, or the list has a mistake. */
bool rondo__sim_faults_known(const char *names)
{
	size_t n_commas = 0, n_known = 0;

	if (!names)
		return true;
	for (const char *p = names; *p; p++)
		n_commas += *p == ',';
	for (unsigned f = 0; f < SIM_N_FAULTS; f++)
		n_known += is_named(names, rondo__sim_fault_names[f]);
	return n_known == n_commas + 1;
}

static bool is_masked(const struct rondo_sim_options *o, uint64_t serial)
{
	size_t low = 0, high = o->n_masked_faults;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (o->masked_faults[middle] == serial)
			return true;
		if (o->masked_faults[middle] < serial)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool rondo__sim_fault(struct sim *s, enum sim_fault f)
{
	uint64_t serial;

	if (!s->faults.per_mille[f] || s->faults_over ||
	    below(&s->faults.streams[f], 1000) >= s->faults.per_mille[f])
		return false;
	serial = s->faults.n_all++;
	if (is_masked(&s->options, serial))
		return false;
	s->faults.n_happened[f]++;
	rondo__sim_note(s, "fault", f, serial);
	rondo__sim_trace(s, "fault #%llu %s", (unsigned long long)serial, rondo__sim_fault_names[f]);
	return true;
}
