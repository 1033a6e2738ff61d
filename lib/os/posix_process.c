/*
 * posix_process.c - forking, and the parent's wait for its child
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/posix.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- The gate ----------------------------------------------------------- */

void smi_os_gate_drop(int ends[2])
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	close(ends[0]);
	close(ends[1]);
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

	if (smi_posix_pipe(ends) != 0)
		return -1;
	if (move_up(&ends[0]) == 0 && move_up(&ends[1]) == 0)
		return 0;
	code = errno;
	smi_os_gate_drop(ends);
	errno = code;
	return -1;
}

/*
 * The child keeps the read end open too, so that write() raises no SIGPIPE if
 * the parent is gone. The pipe has room for the message, so write() does not
 * block.
 */
void smi_os_gate_open(int ends[2], const void *message, size_t bytes)
{
	const unsigned char *from = message;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	while (bytes > 0) {
		ssize_t n = write(ends[1], from, bytes);

		if (n < 0 && errno != EINTR)
			break;
		from += n > 0 ? n : 0;
		bytes -= n > 0 ? (size_t)n : 0;
	}
	smi_os_gate_drop(ends);
	pthread_setcancelstate(state, NULL);
}

/* A message may arrive in pieces if it is longer than PIPE_BUF, which may be as
 * small as 512. */
bool smi_os_gate_wait(int ends[2], void *message, size_t bytes)
{
	unsigned char *to = message;
	ssize_t n;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	close(ends[1]);
	do {
		n = read(ends[0], to, bytes);
		to += n > 0 ? n : 0;
		bytes -= n > 0 ? (size_t)n : 0;
	} while (bytes > 0 && (n > 0 || (n < 0 && errno == EINTR)));
	close(ends[0]);
	pthread_setcancelstate(state, NULL);
	return bytes == 0;
}

/* ---- Processes ---------------------------------------------------------- */

int smi_os_process(void)
{
	return (int)getpid();
}

int smi_os_fork(void)
{
	return (int)fork();
}

struct smi_end smi_os_reap(int child)
{
	struct smi_end end = {0};
	int state, status = 0;
	pid_t got;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	do
		got = waitpid((pid_t)child, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		end.code = errno;
	else if (WIFSIGNALED(status))
		end.signal = WTERMSIG(status);
	else
		end.status = WEXITSTATUS(status);
	pthread_setcancelstate(state, NULL);
	return end;
}

void smi_os_exit(int status)
{
	_exit(status);
}

/* ---- Leaving the session ------------------------------------------------ */

/* Open /dev/null, but only if it is the null device. An ordinary file that
 * somebody put there would keep everything that is printed. */
static int open_null(void)
{
	struct stat null;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fstat(fd, &null) == 0 && S_ISCHR(null.st_mode)
	    && smi_posix_is_null(&null))
		return fd;
	close(fd);
	errno = ENODEV;
	return -1;
}

static int replace_streams(void)
{
	int fd = open_null();

	if (fd < 0)
		return -1;
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (dup2(fd, i) < 0)
			return -1;
	/* dup2() of a descriptor to itself leaves close-on-exec set: clear it
	 * if fd is a standard stream. */
	if (fd <= STDERR_FILENO)
		return fcntl(fd, F_SETFD, 0);
	return close(fd);
}

int smi_os_leave_session(bool change_directory, bool close_streams,
                         const char **step)
{
	int state, result = -1;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	*step = "setsid()";
	if (setsid() >= 0) {
		*step = "chdir(\"/\")";
		result = change_directory ? chdir("/") : 0;
	}
	if (result == 0 && close_streams) {
		*step = "replacing the standard streams with /dev/null";
		result = replace_streams();
	}
	pthread_setcancelstate(state, NULL);
	return result;
}
