/* SPDX-License-Identifier: MIT */
/* sha512.h - SHA-512 (FIPS 180-4), which Python mixes into seeds that are strings or bytes.
 * Not for secrets: it wipes nothing. */
#ifndef RONDO_RANDOM_SHA512_H
#define RONDO_RANDOM_SHA512_H

#include <stddef.h>
#include <stdint.h>

enum { RONDO__SHA512_SIZE = 64 };

void rondo__sha512(const void *data, size_t size, uint8_t digest[RONDO__SHA512_SIZE]);
#endif
