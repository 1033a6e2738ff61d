/* privdrop USER KEYFILE - the smallest daemon that protects its key properly */
/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <secmalloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { KEY_BYTES = 32 };

static void need(int ok)
{
	if (!ok)
		errx(1, "%s", secmalloc_error());
}

int main(int argc, char **argv)
{
	struct secmalloc_config config = {.initial_pools = 1,
	                                  .flags = SECMALLOC_NODUMP};
	struct passwd *user = argc == 3 ? getpwnam(argv[1]) : NULL;
	int null = open("/dev/null", O_RDWR), file, signal;
	sigset_t ends;
	char *key;

	if (user == NULL)
		errx(2, "usage: privdrop USER KEYFILE, where USER exists");
	if (geteuid() != 0)
		errx(1, "only root can become %s: start as root", argv[1]);
	need(secmalloc_init(&config) == 0);
	atexit(secmalloc_fini); /* wipes the key, even after err() */
	need((key = secmalloc(KEY_BYTES)) != NULL);
	if (null < 0 || (file = open(argv[2], O_RDONLY)) < 0)
		err(1, "%s", null < 0 ? "/dev/null" : argv[2]);
	/* Uses read(2): stdio would leave a copy in its buffer. */
	if (read(file, key, KEY_BYTES) != KEY_BYTES || close(file) != 0)
		errx(1, "%s: no key of %d bytes", argv[2], KEY_BYTES);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	need(secmalloc_daemon(0, 1) == 0);
	if (setgroups(0, NULL)
	    || setresgid(user->pw_gid, user->pw_gid, user->pw_gid)
	    || setresuid(user->pw_uid, user->pw_uid, user->pw_uid)
	    || prctl(PR_SET_DUMPABLE, 0)
	    || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err(1, "cannot become %s", argv[1]);
	need(secmalloc_verify(0) == 0); /* locked, and no way back to root? */
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd); /* tells their reader that it serves */
	/* Here the daemon serves, with the key, until SIGTERM. */
	sigwait(&ends, &signal);
	secfree(key); /* checked and wiped */
}
