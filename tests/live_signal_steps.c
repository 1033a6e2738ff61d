/*
 * A signal handler that interrupts a call of the library in its own thread and
 * calls the library itself is either right, or ends the process with a message.
 * No chunk ever gets two owners, and no call waits for a lock that its own
 * thread holds. What may be called from a handler works at every instruction.
 *
 * A debugger runs a call instruction by instruction. After each of them or, in
 * a long call, after many of them, a copy of the process is made, in which the
 * signal arrives.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "case.h"
#include "filter.h"
#include "hide.h"

#include <signal.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#define LINE     400
#define SHORT    300  /* the first steps of a call */
#define FAR      211  /* after those, a signal comes after so many steps */
#define MOST     8000 /* steps of a call that are followed */
#define IS_SOUND 42   /* the exit status of a copy */

static const char words[] =
	": called while another call of the same thread is not finished: a "
	"signal handler must not call the library\n";

/* ---- What the handler does ---------------------------------------------- */

#define SIZE 32

static unsigned char *spare, *nested;
static char text[200];
static volatile bool explained;

static void take(void)
{
	nested = secmalloc(SIZE);
	if (nested != NULL)
		memset(nested, 'n', SIZE);
}

static void give(void)
{
	secfree(spare);
	spare = NULL;
}

static void take_large(void)
{
	secfree(secmalloc(9000));
}

static void lock(void)
{
	struct secmalloc_stats stats;

	secmalloc_stats(&stats);
}

static void resize(void)
{
	if (spare != NULL)
		spare = secrealloc(spare, 200);
}

static void init(void)
{
	struct secmalloc_config config = {.initial_pools = 1};

	if (secmalloc_init(&config) != 0 && errno != EALREADY)
		_exit(1);
}

/* All that a handler may do. */
static void explain(void)
{
	char key[8] = "secret";

	explained = secmalloc_explain(spare, text, sizeof(text)) == 0
	            && strstr(text, "chunk of 32 bytes, pool ") != NULL
	            && secmalloc_explain(key, text, sizeof(text)) == 0
	            && strstr(text, "not an address") != NULL
	            && secmalloc_equal(key, "secret", 7) == 1
	            && secmalloc_version()[0] != '\0';
	secmalloc_wipe(key, sizeof(key));
}

static void (*act)(void);

/* ---- What it interrupts ------------------------------------------------- */

#define CHUNKS 24

static void *chunks[CHUNKS];
static size_t size = SIZE;

static void run_pair(void)
{
	secfree(chunks[0]);
	chunks[0] = NULL;
	chunks[0] = secmalloc(size);
}

static void run_first(void)
{
	chunks[1] = secmalloc(size);
}

static void run_many(void)
{
	for (int i = 1; i < CHUNKS; i++)
		chunks[i] = secmalloc(size);
	for (int i = 1; i < CHUNKS; i++) {
		secfree(chunks[i]);
		chunks[i] = NULL;
	}
}

static void run_resize(void)
{
	void *chunk = secrealloc(chunks[0], size + 4);

	chunks[0] = chunk;
}

static void run_move(void)
{
	void *chunk = secrealloc(chunks[0], 3 * size);

	chunks[0] = chunk;
}

static void run_stats(void)
{
	lock();
}

static void run_audit(void)
{
	if (secmalloc_audit() != 0)
		_exit(1);
}

/* A copy has no memory locks, so the result does not matter. */
static void run_verify(void)
{
	if (secmalloc_verify(SECMALLOC_VERIFY_LOCKED) != 0)
		errno = 0;
}

static void run_guarded(void)
{
	void *chunk = secmalloc_guarded(size);

	secmalloc_protect(chunk, SECMALLOC_NOACCESS);
	secfree(chunk);
}

static void run_large(void)
{
	chunks[1] = secmalloc(65536);
}

static void run_reserve(void)
{
	if (secmalloc_reserve(2 * size) != 0)
		_exit(1);
	secmalloc_trim();
}

/* A process that dies must not use its cache again. */
static void try_to_call(const char *line)
{
	(void)line;
	if (secmalloc(SIZE) != NULL || errno != ENXIO)
		_exit(1);
}

static void begin(unsigned flags)
{
	struct secmalloc_config config = {
		.initial_pools = 1,
		.guarded_chunks = 2,
		.flags = flags,
		.fork = SECMALLOC_FORK_KEEP,
		.on_fault = try_to_call,
	};

	if (secmalloc_init(&config) != 0)
		case_skip_init();
}

static void run_init(void)
{
	begin(0);
}

/* The state of the library before the call. */
enum before { NOTHING, AN_ARENA, A_WARM_CACHE };

struct call {
	const char *name;
	void (*run)(void);
	enum before before;
	size_t size;
	unsigned flags;
	unsigned apart; /* a signal comes after so many steps each */
};

static const struct call calls[] = {
	{"secfree() and secmalloc() by the cache", run_pair, A_WARM_CACHE, SIZE,
         0, 1},
	{"secfree() and secmalloc() by a fenced cache", run_pair, A_WARM_CACHE,
         SIZE, SECMALLOC_NO_MEMBARRIER, 1},
	{"secfree() and secmalloc() under the lock", run_pair, A_WARM_CACHE,
         9000, 0, 7},
	{"the first call of a thread", run_first, AN_ARENA, SIZE, 0, 3},
	{"filling and emptying a bin", run_many, A_WARM_CACHE, SIZE, 0, 5},
	{"locking a further pool", run_large, A_WARM_CACHE, SIZE, 0, 31},
	{"secrealloc() in a slot", run_resize, A_WARM_CACHE, SIZE, 0, 3},
	{"secrealloc() to another slot", run_move, A_WARM_CACHE, SIZE, 0, 5},
	{"secrealloc() of a large chunk", run_move, A_WARM_CACHE, 9000, 0, 7},
	{"secmalloc_stats()", run_stats, A_WARM_CACHE, SIZE, 0, 3},
	{"secmalloc_audit()", run_audit, A_WARM_CACHE, SIZE, 0, 31},
	{"the calls for a guarded chunk", run_guarded, A_WARM_CACHE, SIZE, 0,
         31},
	{"secmalloc_verify()", run_verify, A_WARM_CACHE, SIZE, 0, 31},
	{"secmalloc_init()", run_init, NOTHING, SIZE, 0, 31},
	{"secmalloc_reserve() and secmalloc_trim()", run_reserve, A_WARM_CACHE,
         9000, 0, 31},
};

/* Prepare a call in an arena of its own. Everything is called once before that,
 * so that the loader has nothing left to do. */
static void prepare(const struct call *call)
{
	size = call->size;
	begin(call->flags);
	spare = secmalloc(SIZE);
	chunks[0] = secmalloc(size);
	act();
	if (call->before != NOTHING)
		call->run();
	secmalloc_fini();

	memset(chunks, 0, sizeof(chunks));
	explained = true;
	nested = spare = NULL;
	if (call->before == NOTHING)
		return;
	begin(call->flags);
	if (call->before == AN_ARENA)
		return;
	run_many();
	spare = secmalloc(SIZE);
	memset(spare, 's', SIZE);
	chunks[0] = secmalloc(size);
}

static bool is_apart(const void *chunk, size_t bytes)
{
	const unsigned char *at = chunk;

	return chunk == NULL || nested == NULL || at >= nested + SIZE
	       || nested >= at + bytes;
}

/* Whether every chunk has one owner, and the arena is sound. */
static bool is_sound(void)
{
	struct secmalloc_stats stats;

	for (int i = 0; i < CHUNKS; i++)
		if (!is_apart(chunks[i], size))
			return false;
	if (!is_apart(spare, SIZE) || !explained || secmalloc_audit() != 0)
		return false;
	for (int i = 0; i < SIZE; i++)
		if ((nested != NULL && nested[i] != 'n')
		    || (spare != NULL && spare[i] != 's'))
			return false;
	for (int i = 0; i < CHUNKS; i++)
		secfree(chunks[i]);
	secfree(spare);
	secfree(nested);
	return secmalloc_stats(&stats) == 0 && stats.chunks == 0
	       && secmalloc_audit() == 0;
}

/* ---- Instruction by instruction ----------------------------------------- */

enum outcome { RIGHT, DIED, WRONG, OUTCOMES };

/* What the debugger and the debugged process share: whether the call ended, and
 * how the last copy did. */
static struct {
	volatile bool ended;
	int status;
	char line[LINE];
} * last;

static int ends[2]; /* of a pipe for the lines of the copies */
static volatile bool is_copy;

/* fork() without its handlers, which take locks of the library. The copy is no
 * child of a debugger, and its end raises no signal. */
static pid_t copy(void)
{
	return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

/* A copy goes on with the call that the signal interrupted. */
static void handle_in_copy(int signal)
{
	pid_t pid = copy();
	ssize_t length;

	(void)signal;
	if (pid == 0) {
		is_copy = true;
		dup2(ends[1], STDERR_FILENO);
		act();
		return;
	}
	if (waitpid(pid, &last->status, __WALL) != pid)
		_exit(1);
	length = read(ends[0], last->line, LINE - 1);
	last->line[length > 0 ? length : 0] = '\0';
	/* It arrives when this handler has returned. */
	raise(SIGUSR2);
}

/* The debugged process: prepare, stop, and make the call. */
static _Noreturn void be_debugged(const struct call *call)
{
	struct sigaction action = {.sa_handler = handle_in_copy};
	struct rlimit no_core = {0, 0};

	watchdog_start(20);
	setrlimit(RLIMIT_CORE, &no_core);
	if (pipe(ends) != 0)
		case_skip("pipe: %s", strerror(errno));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	prepare(call);
	sigaddset(&action.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &action, NULL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		case_skip("ptrace: %s", strerror(errno));
	/* The only thread of a process that waits for a lock waits for ever. */
	if (!filter_on(SYS_futex, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW))
		case_skip("no filter can be installed: %s", strerror(errno));
	raise(SIGSTOP);
	call->run();
	last->ended = !is_copy;
	_exit(is_copy && is_sound() ? IS_SOUND : 1);
}

/* Let the debugged process run until it stops again. Returns the signal, or 0
 * if it ended. */
static int resume(pid_t pid, bool one_step, int signal)
{
	void *with = (void *)(intptr_t)signal;
	int status;

	if ((one_step ? ptrace(PTRACE_SINGLESTEP, pid, NULL, with)
	              : ptrace(PTRACE_CONT, pid, NULL, with))
	            != 0
	    || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return 0;
	return WSTOPSIG(status);
}

static enum outcome judge(unsigned steps)
{
	const char *line = last->line;
	int status = last->status;

	if (WIFEXITED(status) && WEXITSTATUS(status) == IS_SOUND
	    && line[0] == '\0')
		return RIGHT;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT
	    && strncmp(line, "secmalloc: fatal: ", 18) == 0
	    && strstr(line, words) != NULL)
		return DIED;
	tap_note("after %u steps: status %x%s, %s", steps, (unsigned)status,
	         WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
	                 ? " (it waited for itself)"
	                 : "",
	         line[0] != '\0' ? line : "no line");
	return WRONG;
}

/* Interrupt a call in many places. False if the debugged process did not do
 * what it should. */
static bool interrupt(pid_t pid, unsigned apart, unsigned number[])
{
	for (unsigned steps = 0; steps < MOST && !last->ended; steps++) {
		if (steps % apart == 0) {
			if (resume(pid, false, SIGUSR1) != SIGUSR2)
				return false;
			number[judge(steps)]++;
		}
		if (number[WRONG] > 2)
			return true;
		if (resume(pid, true, 0) != SIGTRAP)
			return false;
	}
	return true;
}

/* False if the call cannot be tried, and then its case was skipped. */
static bool interrupt_often(const char *what, const struct call *call,
                            unsigned number[])
{
	bool stops;
	int status;
	pid_t pid;

	tap_reason[0] = '\0';
	last->ended = false;
	pid = fork();
	if (pid == 0)
		be_debugged(call);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		tap_skip_rest("no child: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_CANNOT) {
		tap_skip_told(what);
		return false;
	}
	stops = WIFSTOPPED(status) && interrupt(pid, call->apart, number);
	if (!stops) {
		tap_note("the debugged process did not go on as it should");
		number[WRONG]++;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return true;
}

static const struct {
	const char *name;
	void (*act)(void);
} acts[] = {
	{"secmalloc()", take},
	{"secfree()", give},
	{"secrealloc()", resize},
	{"a call that takes the lock", lock},
	{"secmalloc() of a large chunk", take_large},
	{"secmalloc_init()", init},
};
#define ACTS (sizeof(acts) / sizeof(acts[0]))

/* The first call is interrupted by all acts, the others by two each. */
static bool is_tried(size_t call, size_t i)
{
	return call == 0 || i == call % 3 || i == 3 + call % 3;
}

static void in_the_middle_of(size_t i)
{
	const struct call *call = &calls[i];
	char what[300];
	unsigned number[OUTCOMES] = {0};

	snprintf(what, sizeof(what),
	         "a handler that calls the library in the middle of %s is "
	         "right, or ends the process",
	         call->name);
	for (size_t j = 0; j < ACTS; j++) {
		if (!is_tried(i, j))
			continue;
		act = acts[j].act;
		if (!interrupt_often(what, call, number))
			return;
		if (number[WRONG] > 0) {
			tap_note("the handler called %s", acts[j].name);
			break;
		}
	}
	tap_note("right %u times, died %u times", number[RIGHT], number[DIED]);
	tap_ok(number[WRONG] == 0 && number[RIGHT] > 0 && number[DIED] > 0,
	       "%s", what);
}

static void explained_in_the_middle_of(size_t i)
{
	const struct call *call = &calls[i];
	unsigned number[OUTCOMES] = {0};
	char what[300];

	snprintf(what, sizeof(what),
	         "a handler explains an address in the middle of %s",
	         call->name);
	act = explain;
	if (!interrupt_often(what, call, number))
		return;
	tap_note("right %u times", number[RIGHT]);
	tap_ok(number[WRONG] == 0 && number[RIGHT] > 20 && number[DIED] == 0,
	       "%s", what);
}

int main(void)
{
#ifndef __GLIBC__
	tap_skip_all("the steps are those of glibc");
#endif
	tap_needs_plain_build();
	tap_needs_lock(1024);
	watchdog_start(100);
	last = mmap(NULL, sizeof(*last), PROT_READ | PROT_WRITE,
	            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		in_the_middle_of(i);
		if (calls[i].before == A_WARM_CACHE)
			explained_in_the_middle_of(i);
	}
	tap_done();
}
