/*
 * linux_process.c - the parts of forking that are specific to Linux
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "os/os.h"
#include "os/posix.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int smi_posix_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC);
}

bool smi_posix_is_null(const struct stat *device)
{
	return device->st_rdev == makedev(1, 3);
}

/* The link count of a directory is 2 plus the number of its subdirectories, and
 * each thread has one in /proc/self/task. */
size_t smi_os_threads(void)
{
	struct stat tasks;
	size_t threads = 0;
	int state, fd;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &tasks) == 0 && tasks.st_nlink > 2)
		threads = (size_t)tasks.st_nlink - 2;
	if (fd >= 0)
		close(fd);
	pthread_setcancelstate(state, NULL);
	return threads;
}
