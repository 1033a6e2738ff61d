/*
 * tcaches.c - the caches of an arena's threads
 *
 * SPDX-License-Identifier: ISC
 */
#include "cache/tcaches.h"

#include "os/os.h"

#include <errno.h>

/* How many times damage is looked for again if the caches could not be stopped
 * for certain. */
#define UNCERTAIN_TRIES 100u

void smi_tcaches_start(struct smi_tcaches *caches,
                       const struct smi_slabs *slabs, bool fenced)
{
	caches->slabs = slabs;
	caches->fenced = fenced || smi_os_barrier_prepare() != 0;
	caches->ever = 0;
	caches->attached = 0;
	caches->stops = 0;
	caches->granted = 0;
}

void smi_tcaches_renew(struct smi_tcaches *caches)
{
	if (!caches->fenced)
		smi_os_barrier_prepare();
}

struct smi_tcache *smi_tcaches_attach(struct smi_tcaches *caches)
{
	uint16_t i = 0;

	while (i < caches->ever && caches->all[i].attached)
		i++;
	if (i == SMI_TCACHES)
		return NULL;
	if (i == caches->ever) {
		smi_tcache_start(&caches->all[i], caches->slabs, i,
		                 caches->fenced);
		caches->ever++;
	}
	caches->all[i].attached = true;
	caches->attached++;
	return &caches->all[i];
}

void smi_tcaches_detach(struct smi_tcaches *caches, struct smi_tcache *cache)
{
	cache->attached = false;
	caches->attached--;
}

/* Set the flags of all caches except `own`. False if there was none to set. */
static bool flag_others(struct smi_tcaches *caches,
                        const struct smi_tcache *own)
{
	bool any = false;

	for (uint32_t i = 0; i < caches->ever; i++)
		if (caches->all[i].attached && &caches->all[i] != own) {
			atomic_fetch_or(&caches->all[i].stop,
			                SMI_TCACHE_STOPPED);
			any = true;
		}
	return any;
}

bool smi_tcaches_stop(struct smi_tcaches *caches, const struct smi_tcache *own)
{
	int code = errno;
	bool certain;

	caches->stops++;
	if (!flag_others(caches, own))
		return true;
	certain = caches->fenced || smi_os_barrier() == 0;
	errno = code;
	for (uint32_t i = 0; i < caches->ever; i++)
		for (unsigned times = 0;
		     &caches->all[i] != own
		     && atomic_load(&caches->all[i].busy) != 0;
		     times++)
			smi_os_pause(times);
	return certain;
}

bool smi_tcaches_is_final(bool sound, bool certain, unsigned *times)
{
	if (sound || certain || *times == UNCERTAIN_TRIES)
		return true;
	smi_os_pause((*times)++);
	return false;
}

void smi_tcaches_close(struct smi_tcaches *caches)
{
	flag_others(caches, NULL);
}

void smi_tcaches_resume(struct smi_tcaches *caches)
{
	if (--caches->stops > 0)
		return;
	for (uint32_t i = 0; i < caches->ever; i++)
		atomic_fetch_and_explicit(&caches->all[i].stop,
		                          ~SMI_TCACHE_STOPPED,
		                          memory_order_release);
}
