/* SPDX-License-Identifier: ISC */
#pragma once
struct pollfd {
	int fd;
	short events, revents;
};
typedef unsigned int nfds_t;
int poll(struct pollfd *fds, nfds_t count, int milliseconds);
