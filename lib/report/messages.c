/*
 * messages.c - a message of its own for each thread that has failed
 *
 * SPDX-License-Identifier: ISC
 */
#include "report/messages.h"

#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

struct message {
	struct smi_text text;
	char words[SMI_MESSAGES_BYTES];
};

#define WORD_BITS 32u
#define WORDS     (SMI_MESSAGES_BLOCK / WORD_BITS)

/* Blocks are linked, and stay until the library is unloaded. */
struct block {
	_Atomic(struct block *) next;
	_Atomic uint32_t taken[WORDS]; /* a bit for each message */
	struct message messages[SMI_MESSAGES_BLOCK];
};
static struct block first;

/* What threads have that have no message: nothing fits into any of these. */
#define NO_MESSAGE(words)                    \
	{                                    \
		.buffer = (words), .room = 1 \
	}
static char no_words[] = "";
static char lost_words[] = "the message is lost: there was no memory for it";
static char refused_words[] = "the message is lost: the libc had no memory or "
			      "no key of thread-specific data for it";
static char closed_words[] = "the message is lost: this thread is ending";
static struct smi_text fresh = NO_MESSAGE(no_words);
static struct smi_text lost = NO_MESSAGE(lost_words);
static struct smi_text refused = NO_MESSAGE(refused_words);
static struct smi_text closed = NO_MESSAGE(closed_words);

/*
 * NULL in a thread that was not prepared, `refused` if that was not possible or
 * is under way, `fresh` before its first failure, `lost` if there was no memory
 * for its message, and `closed` if it is ending.
 */
static _Thread_local struct smi_text *mine SMI_TLS_MODEL;

/* ---- Blocks ------------------------------------------------------------- */

static struct smi_text *take_from(struct block *block)
{
	for (unsigned i = 0; i < WORDS; i++) {
		uint32_t taken = atomic_load(&block->taken[i]);

		while (taken != UINT32_MAX) {
			unsigned bit = (unsigned)__builtin_ctz(~taken);

			if (atomic_compare_exchange_weak(
				    &block->taken[i], &taken,
				    taken | (uint32_t)1 << bit))
				return &block->messages[i * WORD_BITS + bit]
				                .text;
		}
	}
	return NULL;
}

static size_t block_bytes(void)
{
	return smi_round_up(sizeof(struct block), smi_os_page_bytes());
}

/* The next block, which is mapped if it is missing, or NULL. */
static struct block *after(struct block *block)
{
	size_t bytes = block_bytes();
	struct block *next = atomic_load(&block->next), *made;

	if (next != NULL)
		return next;
	made = smi_os_reserve(bytes);
	if (made == NULL)
		return NULL;
	/* Another thread may have been faster. */
	if (smi_os_open(made, bytes) == 0
	    && atomic_compare_exchange_strong(&block->next, &next, made))
		return made;
	smi_os_release(made, bytes);
	return next;
}

static struct smi_text *take(void)
{
	for (struct block *block = &first; block != NULL;
	     block = after(block)) {
		struct smi_text *text = take_from(block);

		if (text != NULL)
			return text;
	}
	return NULL;
}

/* The number of a message in a block, or SMI_NONE if it is in another one. */
static uint32_t number_in(const struct block *block,
                          const struct smi_text *text)
{
	uintptr_t at = (uintptr_t)text - (uintptr_t)block->messages;

	return at < sizeof(block->messages)
	               ? (uint32_t)(at / sizeof(struct message))
	               : SMI_NONE;
}

static void give(const struct smi_text *text)
{
	for (struct block *block = &first; block != NULL;
	     block = atomic_load(&block->next)) {
		uint32_t number = number_in(block, text);

		if (number != SMI_NONE)
			atomic_fetch_and(&block->taken[number / WORD_BITS],
			                 ~((uint32_t)1 << number % WORD_BITS));
	}
}

/* ---- The ends of threads ------------------------------------------------ */

/* 1 plus the key whose destructor gives a message back, or 0. On every platform
 * a key is an integer. */
static _Atomic uintptr_t end_key;

static void end_thread(void *text)
{
	mine = &closed;
	give(text);
}

/* The key is made at the first failure, which may precede the constructors of
 * this library. */
static bool find_key(pthread_key_t *key)
{
	uintptr_t found = atomic_load(&end_key);

	if (found == 0) {
		if (pthread_key_create(key, end_thread) != 0)
			return false;
		if (atomic_compare_exchange_strong(&end_key, &found,
		                                   (uintptr_t)*key + 1))
			return true;
		pthread_key_delete(*key);
	}
	*key = (pthread_key_t)(found - 1);
	return true;
}

void smi_messages_forget_threads(void)
{
	uintptr_t found = atomic_exchange(&end_key, 0);

	if (found != 0)
		pthread_key_delete((pthread_key_t)(found - 1));
}

/* ---- The thread's message ----------------------------------------------- */

void smi_messages_prepare(void)
{
	int code = errno;
	pthread_key_t key;

	if (mine != NULL && mine != &refused)
		return;
	mine = &refused;
	/* This may allocate, and malloc() may be a replacement that fails. */
	if (find_key(&key) && pthread_setspecific(key, &fresh) == 0)
		mine = &fresh;
	errno = code;
}

/* Take a message that is given back at the end of the thread, which has been
 * prepared. NULL if there is none. */
static struct smi_text *take_until_end(void)
{
	struct smi_text *text = take();
	pthread_key_t key;

	if (text == NULL
	    || (find_key(&key) && pthread_setspecific(key, text) == 0))
		return text;
	give(text);
	return NULL;
}

struct smi_text *smi_messages_start(void)
{
	int code = errno;

	if (mine == NULL)
		smi_messages_prepare();
	if (mine == &fresh || mine == &lost) {
		struct smi_text *text = take_until_end();

		mine = text != NULL ? text : &lost;
	}
	if (mine != &lost && mine != &refused && mine != &closed)
		smi_text_start(mine, ((struct message *)mine)->words,
		               SMI_MESSAGES_BYTES);
	errno = code;
	return mine;
}

struct smi_text *smi_messages_mine(void)
{
	return mine;
}

void smi_messages_forked(void)
{
	for (struct block *block = &first; block != NULL;
	     block = atomic_load(&block->next)) {
		uint32_t number = number_in(block, mine);

		for (unsigned i = 0; i < WORDS; i++) {
			uint32_t keep = number / WORD_BITS == i
			                        ? (uint32_t)1
			                                  << number % WORD_BITS
			                        : 0;

			/* A write would copy a page that the parent has too. */
			if (atomic_load(&block->taken[i]) != keep)
				atomic_store(&block->taken[i], keep);
		}
	}
}

void smi_messages_release(void)
{
	struct block *block = atomic_exchange(&first.next, NULL);

	smi_messages_forget_threads();
	while (block != NULL) {
		struct block *next = atomic_load(&block->next);

		smi_os_release(block, block_bytes());
		block = next;
	}
}
