/*
 * messages.h - a message of its own for each thread that has failed
 *
 * Owns the messages. The first ones are static, further ones are mapped.
 * Thread-local storage has no room for them, because a library that dlopen()
 * loads gets little of it; and they are not from malloc(), which may be a
 * replacement that calls this library. A thread keeps its message until it
 * ends. No lock is needed, also in signal handlers.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SMI_MESSAGES_H
#define SMI_MESSAGES_H

#include "base/base.h"
#include "base/text.h"

/* A message is truncated at this length, NUL included. */
#define SMI_MESSAGES_BYTES 640

/* So many messages are static, and so many are mapped at a time. */
#define SMI_MESSAGES_BLOCK 128

/*
 * Do what may allocate, so that smi_messages_start() need not. To be called
 * before a lock is taken. errno is preserved.
 */
void smi_messages_prepare(void);

/*
 * The calling thread's message, emptied; the thread gets one if it has none. If
 * there is no memory for it, or if the thread is ending, this is a text that
 * says so and to which nothing can be appended. errno is preserved.
 */
struct smi_text *smi_messages_start(void);

/* What smi_messages_start() last returned to the thread, or NULL. */
struct smi_text *smi_messages_mine(void);

/* In the child of a fork: give back the messages of threads that it does not
 * have. */
void smi_messages_forked(void);

/*
 * Have no thread call this library at its end; its message is then not given
 * back. A thread that fails later does call it again. smi_messages_release()
 * also unmaps the messages, when no thread calls the library any more.
 */
void smi_messages_forget_threads(void);
void smi_messages_release(void);

#endif /* SMI_MESSAGES_H */
