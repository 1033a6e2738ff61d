/* The OpenSSL secure heap, whose size is a power of two. */
/* SPDX-License-Identifier: ISC */
#include "bench.h"

#include <openssl/crypto.h>

const char peer_name[] = "openssl";

bool peer_start(size_t bytes)
{
	size_t heap = 65536;

	/* OpenSSL rounds chunks up to powers of two, so a large heap gets
	 * additional room. A small heap does not, since it must fit the lock
	 * limit. */
	while (heap < bytes)
		heap *= 2;
	if (bytes > (8 << 20))
		heap *= 2;
	/* 2 means that the heap was made but not locked. */
	return CRYPTO_secure_malloc_init(heap, 16) == 1;
}

void *peer_take(size_t size)
{
	void *p = OPENSSL_secure_malloc(size);

	/* Memory outside the secure heap is plain malloc(). */
	return p != NULL && CRYPTO_secure_allocated(p) ? p : NULL;
}

void peer_give(void *p, size_t size)
{
	OPENSSL_secure_clear_free(p, size);
}
