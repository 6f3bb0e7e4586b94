/* SPDX-License-Identifier: MIT */
/* switch_arch.h - picks the switch of the machine compiled for. */
#ifdef __x86_64__
#include "switch/switch_x86_64.h"
#else
#include "switch/switch_aarch64.h"
#endif
