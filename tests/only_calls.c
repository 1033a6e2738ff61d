/*
 * only_calls COMMAND... - run a command as a unit of systemd may restrict it
 *
 * The command can make only the system calls in calls.h, and any other call
 * kills it. It can create sockets of AF_UNIX only, and no memory that is both
 * writable and executable.
 *
 * tests/keyd_unit.sh creates calls.h. For each name that the unit allows, it
 * contains
 *
 *     #ifdef __NR_name
 *     __NR_name,
 *     #endif
 *
 * SPDX-License-Identifier: ISC
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

static const unsigned calls[] = {
#include "calls.h"
};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static const struct sock_filter tail[] = {
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 offsetof(struct seccomp_data, args[0])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
};
enum { TAIL = sizeof(tail) / sizeof(tail[0]) };

static struct sock_filter code[1 + 2 * CALLS + TAIL] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
};

int main(int argc, char **argv)
{
	struct sock_fprog program = {.len = 1, .filter = code};

	if (argc < 2)
		errx(2, "usage: only_calls COMMAND...");
	for (int i = 0; i < CALLS; i++) {
		if (calls[i] == __NR_socket)
			continue;
		code[program.len++] = (struct sock_filter)
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		code[program.len++] = (struct sock_filter)
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	for (int i = 0; i < TAIL; i++)
		code[program.len++] = tail[i];
	/* PR_SET_MDWE needs Linux 6.3 or later. */
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
		warn("without MemoryDenyWriteExecute");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
	    || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		err(2, "no filter of system calls");
	execvp(argv[1], argv + 1);
	err(2, "%s", argv[1]);
}
