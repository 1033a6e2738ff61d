/*
 * posix_process.c - forking, ending and leaving the session
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/posix.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

void smi_os_kill(int child)
{
	kill((pid_t)child, SIGKILL);
	smi_os_reap(child);
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
