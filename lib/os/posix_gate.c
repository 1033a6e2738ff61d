/*
 * posix_gate.c - the parent's wait for its child
 *
 * The gate is a pair of connected sockets, because a parent that stops waiting
 * can then tell the child so: shutdown() holds for all copies of a descriptor,
 * whereas a program that another thread is just starting may still have copies.
 * For the same reason the end of the child's copies does not always tell the
 * parent that the child died. So from time to time the parent looks at the
 * child.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/os.h"
#include "os/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the kernel has no such flag, the platform sets an option of the socket
 * instead. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* The parent's end and the child's. */
enum { PARENT, CHILD };

#define LOOK_MILLISECONDS 100

/* ---- Both ---------------------------------------------------------------- */

static void close_end(int *end)
{
	if (*end >= 0)
		close(*end);
	*end = -1;
}

void smi_os_gate_drop(int ends[2])
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (ends[CHILD] >= 0)
		shutdown(ends[CHILD], SHUT_RDWR);
	close_end(&ends[CHILD]);
	close_end(&ends[PARENT]);
	pthread_setcancelstate(state, NULL);
}

/* Move an end of the gate away from the standard streams, which
 * smi_os_leave_session() may replace while the gate is open. */
static int move_up(int *end)
{
	int moved;

	if (*end > STDERR_FILENO)
		return 0;
	moved = fcntl(*end, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		return -1;
	close(*end);
	*end = moved;
	return 0;
}

int smi_os_gate_make(int ends[2])
{
	int code;

	if (smi_posix_socket_pair(ends) != 0)
		return -1;
	if (move_up(&ends[PARENT]) == 0 && move_up(&ends[CHILD]) == 0)
		return 0;
	code = errno;
	smi_os_gate_drop(ends);
	errno = code;
	return -1;
}

/* ---- The child ----------------------------------------------------------- */

static bool send_all(int fd, const void *message, size_t bytes)
{
	const unsigned char *from = message;

	while (bytes > 0) {
		ssize_t n = send(fd, from, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		from += n > 0 ? n : 0;
		bytes -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

void smi_os_gate_enter(int ends[2])
{
	pid_t self = getpid();
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	close_end(&ends[PARENT]);
	send_all(ends[CHILD], &self, sizeof(self));
	pthread_setcancelstate(state, NULL);
}

/* The socket has room for the message, so send() does not block. */
bool smi_os_gate_open(int ends[2], const void *message, size_t bytes)
{
	bool sent;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	sent = send_all(ends[CHILD], message, bytes);
	smi_os_gate_drop(ends);
	pthread_setcancelstate(state, NULL);
	return sent;
}

/* ---- The parent ---------------------------------------------------------- */

/* Whether all bytes have arrived. */
static bool receive_all(int fd, void *message, size_t bytes, int flags)
{
	unsigned char *to = message;

	while (bytes > 0) {
		ssize_t n = recv(fd, to, bytes, flags | MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		to += n > 0 ? n : 0;
		bytes -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

enum child_state { AT_WORK, IDLE, GONE };

/* What wait() would report of a child, or of the children: an si_code, 0 if
 * there is nothing to report, or NO_CHILD. It is still reported to others. */
#define NO_CHILD (-1)
static int report_of(idtype_t kind, id_t child)
{
	siginfo_t info;

	info.si_pid = 0;
	if (waitid(kind, child, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT)
	    != 0)
		return errno == ECHILD ? NO_CHILD : 0;
	return info.si_pid != 0 ? info.si_code : 0;
}

/*
 * `child` is 0 if the child has not been heard of. It is then unknown whose
 * death or stop is reported. The same applies if there is no such child:
 * another thread has waited for it, or its name is that of another namespace.
 */
static enum child_state look_at(pid_t child)
{
	int report = child > 0 ? report_of(P_PID, (id_t)child) : NO_CHILD;

	switch (report) {
	case 0:
		return AT_WORK;
	case CLD_STOPPED:
	case CLD_TRAPPED:
	case CLD_CONTINUED:
		return IDLE;
	case NO_CHILD:
		break;
	default:
		return GONE;
	}
	report = report_of(P_ALL, 0);
	if (report == NO_CHILD)
		return GONE;
	return child > 0 || report != 0 ? IDLE : AT_WORK;
}

/* Whether a signal will be handled, or end the process, as soon as `mask`
 * applies again. SIGCHLD is not urgent. */
static bool signal_waits(const sigset_t *mask)
{
	sigset_t pending;

	sigemptyset(&pending);
	sigpending(&pending);
	for (int i = 1; i < NSIG; i++)
		if (i != SIGCHLD && sigismember(&pending, i) == 1
		    && sigismember(mask, i) == 0)
			return true;
	return false;
}

/* Wait until the child leaves the gate, or is known to be dead, or patience is
 * at an end. False in the last case. */
static bool wait_at(int fd, unsigned patience, const sigset_t *mask)
{
	/* A hang-up is reported without being asked for. Nothing else is to
	 * wake this thread. */
	struct pollfd gate = {.fd = fd};

	while (poll(&gate, 1, LOOK_MILLISECONDS) <= 0) {
		enum child_state state;
		unsigned cost = 1;
		pid_t child;

		if (!receive_all(fd, &child, sizeof(child), MSG_PEEK))
			child = 0;
		state = look_at(child);
		if (state == GONE)
			return true;
		if (state == IDLE)
			cost *= SMI_GATE_HURRY;
		if (signal_waits(mask))
			cost *= SMI_GATE_HURRY;
		if (patience <= cost)
			return false;
		patience -= cost;
	}
	return true;
}

enum smi_gate_end smi_os_gate_wait(int ends[2], void *message, size_t bytes,
                                   unsigned patience, const sigset_t *mask)
{
	enum smi_gate_end end = SMI_GATE_LEFT;
	pid_t child;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	close_end(&ends[CHILD]);
	if (!wait_at(ends[PARENT], patience, mask))
		end = SMI_GATE_SILENT;
	/* From here on the child cannot send: what it sent has arrived. */
	shutdown(ends[PARENT], SHUT_RD);
	if (receive_all(ends[PARENT], &child, sizeof(child), 0)
	    && receive_all(ends[PARENT], message, bytes, 0))
		end = SMI_GATE_OPENED;
	close_end(&ends[PARENT]);
	pthread_setcancelstate(state, NULL);
	return end;
}
