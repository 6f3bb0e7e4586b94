/* SPDX-License-Identifier: MIT */
/* clock.c - the wall clocks of hosts. CLOCK_MONOTONIC is virtual time itself, and the same for all. */
#include "sim/sim.h"

static int64_t draw_drift_ppm(struct sim *s)
{
	enum { DRIFT_PPM_MAX = 500 };
	uint64_t max_ppm = s->options.wall_drift_ppm ? s->options.wall_drift_ppm : DRIFT_PPM_MAX;
	int64_t ppm;

	if (!rondo__sim_fault(s, SIM_FAULT_WALL_DRIFT))
		return 0;
	ppm = (int64_t)rondo__sim_log(s, SIM_DRIFT, 1, max_ppm);
	return rondo__sim_often(s, SIM_DRIFT, 500) ? ppm : -ppm;
}

void rondo__sim_wall_set(struct sim_host *h)
{
	h->wall_offset_ns = INT64_C(1700000000000000000) +
			    (int64_t)rondo__sim_below(h->sim, SIM_CLOCK, UINT64_C(1) << 57);
	h->wall_drift_ppm = draw_drift_ppm(h->sim);
}

static int64_t drift_of(const struct sim_host *h, uint64_t now_ns)
{
	return (int64_t)((__int128)now_ns * h->wall_drift_ppm / 1000000);
}

/* It jumps, forwards and back. */
uint64_t rondo__sim_wall_clock(struct sim_host *h)
{
	struct sim *s = h->sim;

	if (rondo__sim_fault(s, SIM_FAULT_WALL_JUMP))
		h->wall_offset_ns += (int64_t)rondo__sim_log(s, SIM_CLOCK, 1000000,
							     UINT64_C(86400000000000)) *
				     (rondo__sim_often(s, SIM_CLOCK, 500) ? 1 : -1);
	return s->now_ns + (uint64_t)(h->wall_offset_ns + drift_of(h, s->now_ns));
}

uint64_t rondo__sim_wall_to_monotonic(const struct sim_host *h, uint64_t wall_ns)
{
	__int128 ran_ns = (__int128)wall_ns - h->wall_offset_ns, rate = 1000000 + h->wall_drift_ppm;
	__int128 ns = ran_ns > 0 ? (ran_ns * 1000000 + rate - 1) / rate : 0;

	return ns < INT64_MAX ? (uint64_t)ns : INT64_MAX;
}
