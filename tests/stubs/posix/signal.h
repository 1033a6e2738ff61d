/* SPDX-License-Identifier: ISC */
#pragma once
#include <sys/types.h>
#include <values.h>
#define SIGKILL       9
#define SIGBUS        10
#define SIGSEGV       11
#define SIGPIPE       13
#define SIGCHLD       20
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6
#define SIG_DFL       ((void (*)(int))0)
#define SIG_IGN       ((void (*)(int))1)
#define SIG_BLOCK     1
#define SIG_UNBLOCK   2
#define SIG_SETMASK   3
#define SA_ONSTACK    0x0001
#define SA_RESTART    0x0002
#define SA_RESETHAND  0x0004
#define SA_NODEFER    0x0010
#define SA_SIGINFO    0x0040
typedef struct {
	int si_signo, si_errno, si_code;
	pid_t si_pid;
	uid_t si_uid;
	void *si_addr;
} siginfo_t;
struct sigaction {
	union {
		void (*handler)(int);
		void (*action)(int, siginfo_t *, void *);
	} sa_union;
	int sa_flags;
	sigset_t sa_mask;
};
#define sa_handler   sa_union.handler
#define sa_sigaction sa_union.action
int sigaction(int signal, const struct sigaction *now,
              struct sigaction *before);
int sigemptyset(sigset_t *set);
int sigfillset(sigset_t *set);
int sigaddset(sigset_t *set, int signal);
int sigismember(const sigset_t *set, int signal);
int sigpending(sigset_t *set);
int sigwait(const sigset_t *set, int *signal);
int pthread_sigmask(int how, const sigset_t *set, sigset_t *before);
int raise(int signal);
int kill(pid_t process, int signal);
