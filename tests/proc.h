/*
 * proc.h - what the kernel reports about this process's memory
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_PROC_H
#define TESTS_PROC_H

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

/* secmalloc_verify() reads this file. */
#define CORE_PATTERN "/proc/sys/kernel/core_pattern"

/* A figure of /proc/self/status in kB, such as "VmLck", or -1. */
static inline long proc_status_kb(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	size_t length = strlen(name);
	char line[256];
	long kb = -1;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			kb = strtol(line + length + 1, NULL, 10);
	if (file != NULL)
		fclose(file);
	return kb;
}

struct proc_mapping {
	uintptr_t start, end;
	char access[5]; /* such as rw-p */
	char name[64];  /* the start of the name, or "" */
	long swap_kb, rss_kb;
	long own_kb;     /* written to, and not shared with another process */
	char flags[128]; /* VmFlags, such as " rd wr mr mw me lo ac dd " */
};

/* Find the mapping that contains an address. Returns false if there is none. */
static inline bool proc_mapping_of(const void *address,
                                   struct proc_mapping *mapping)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	uintptr_t at = (uintptr_t)address;
	bool inside = false, found = false;
	char line[512];

	while (file != NULL && !found && fgets(line, sizeof(line), file)) {
		unsigned long start, end;
		char access[5], name[64] = "";

		if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %63s", &start, &end,
		           access, name)
		    >= 3) {
			inside = start <= at && at < end;
			if (!inside)
				continue;
			mapping->start = start;
			mapping->end = end;
			memcpy(mapping->access, access, sizeof(access));
			memcpy(mapping->name, name, sizeof(name));
		} else if (inside && strncmp(line, "Rss:", 4) == 0) {
			mapping->rss_kb = strtol(line + 4, NULL, 10);
		} else if (inside && strncmp(line, "Private_Dirty:", 14) == 0) {
			mapping->own_kb = strtol(line + 14, NULL, 10);
		} else if (inside && strncmp(line, "Swap:", 5) == 0) {
			mapping->swap_kb = strtol(line + 5, NULL, 10);
		} else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
			snprintf(mapping->flags, sizeof(mapping->flags),
			         "%.120s", line + 8);
			found = true;
		}
	}
	if (file != NULL)
		fclose(file);
	return found;
}

/* Whether the mapping of an address has a flag of VmFlags, such as "lo". */
static inline bool proc_has_flag(const void *address, const char *flag)
{
	struct proc_mapping mapping;
	char word[8];

	snprintf(word, sizeof(word), " %.2s", flag);
	return proc_mapping_of(address, &mapping)
	       && strstr(mapping.flags, word) != NULL;
}

/* The number of mappings of this process. */
static inline size_t proc_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	size_t count = 0;
	int c;

	while (file != NULL && (c = getc(file)) != EOF)
		count += c == '\n';
	if (file != NULL)
		fclose(file);
	return count;
}

/* Make libc map now what it maps at a first call: the buffers of stdio and,
 * since glibc 2.41, the state of getrandom(). Call this before counting
 * mappings or locked memory. */
static inline void proc_settle(void)
{
	unsigned char byte;
	ssize_t got = getrandom(&byte, sizeof(byte), 0);

	(void)got;
	proc_mappings();
}

/* Whether a page can be read. A guard page of a thread's stack cannot, although
 * its mapping is readable: glibc since 2.42 marks it with MADV_GUARD_INSTALL.
 * The kernel reads the signal set before it rejects the invalid operation. */
static inline bool proc_can_read(const void *at)
{
	return syscall(SYS_rt_sigprocmask, -1, at, NULL, 8) == 0
	       || errno != EFAULT;
}

/* The state of the process's first thread, such as 'S', or 'Z' once it has
 * ended before the others; 0 if it cannot be read. */
static inline char proc_first_state(void)
{
	char path[64], line[256];
	const char *end = NULL;
	char state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	file = fopen(path, "r");
	if (file != NULL && fgets(line, sizeof(line), file) != NULL)
		end = strrchr(line, ')');
	if (end != NULL)
		state = end[2];
	if (file != NULL)
		fclose(file);
	return state;
}

/* The number of open descriptors of this process, including the one used to
 * count them. */
static inline size_t proc_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	while (directory != NULL && readdir(directory) != NULL)
		count++;
	if (directory != NULL)
		closedir(directory);
	return count;
}

#endif /* TESTS_PROC_H */
