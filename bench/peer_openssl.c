/* The OpenSSL secure heap; its size is a power of two. */
/* SPDX-License-Identifier: ISC */
#include "bench.h"

#include <openssl/crypto.h>

const char peer_name[] = "openssl";

bool peer_start(size_t bytes)
{
	size_t heap = 65536;

	/* Room to spare, as it rounds chunks up to powers of two; but not more
	 * than a small limit. */
	while (heap < bytes)
		heap *= 2;
	if (bytes > (8 << 20))
		heap *= 2;
	/* 2: the heap is there but was not locked. */
	return CRYPTO_secure_malloc_init(heap, 16) == 1;
}

void *peer_take(size_t size)
{
	void *p = OPENSSL_secure_malloc(size);

	/* What is not in the secure heap is plain malloc. */
	return p != NULL && CRYPTO_secure_allocated(p) ? p : NULL;
}

void peer_give(void *p, size_t size)
{
	OPENSSL_secure_clear_free(p, size);
}
