/* libgcrypt's secure memory. */
/* SPDX-License-Identifier: ISC */
#include "bench.h"

#include <gcrypt.h>

const char peer_name[] = "libgcrypt";

bool peer_start(size_t bytes)
{
	if (gcry_check_version(NULL) == NULL
	    || gcry_control(GCRYCTL_DISABLE_SECMEM_WARN) != 0
	    || gcry_control(GCRYCTL_INIT_SECMEM, bytes, 0) != 0)
		return false;
	return gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0) == 0;
}

void *peer_take(size_t size)
{
	return gcry_malloc_secure(size);
}

void *peer_realloc(void *p, size_t size)
{
	return gcry_realloc(p, size);
}

void peer_give(void *p, size_t size)
{
	(void)size;
	gcry_free(p);
}
