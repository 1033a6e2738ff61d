#!/bin/sh
# The library compiles for the BSDs and macOS, against declarations written from
# their manuals (tests/stubs). Nothing from Linux is visible to the compiler.
# The result is not run.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

CC=${CC:-cc}
NM=${NM:-nm}
make_work
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Werror"

own=$($CC -print-file-name=include)
test -d "$own" || tap_skip_all "$CC does not report where its own headers are"

# The macro that the compiler defines on each system.
macro_of() {
	case $1 in
	freebsd) echo __FreeBSD__ ;;
	openbsd) echo __OpenBSD__ ;;
	netbsd) echo __NetBSD__ ;;
	darwin) echo __APPLE__ ;;
	esac
}

# compile SYSTEM ARGUMENTS...: compile with that system's headers and the
# compiler's own, and no others.
compile() {
	system=$1
	shift
	# shellcheck disable=SC2086 # flags are words
	$CC -std=gnu11 $warnings -ffreestanding -nostdinc \
		-isystem "$srcdir/tests/stubs/$system" \
		-isystem "$srcdir/tests/stubs/posix" -isystem "$own" \
		-I"$srcdir/include" -I"$BUILD_DIR" -iquote "$srcdir/lib" \
		-U__linux__ -U__linux -Ulinux -U__gnu_linux__ \
		-D"$(macro_of "$system")=1" "$@"
}

# The files of lib/Makefile.inc that only some systems have, for one system.
files_of() {
	printf '%s\n' posix posix_gate posix_process bsd bsd_procfs "$1"
	case $1 in
	freebsd | openbsd) echo bsd_ids ;;
	esac
	case $1 in
	netbsd | openbsd) echo bsd_traced ;;
	esac
}

# The library has two parts: what is common and what is specific to a platform.
common_compiles() {
	# shellcheck disable=SC2046 # files are words
	compile "$1" -fsyntax-only $(find "$srcdir/lib" -name '*.c' \
		! -path '*/lib/os/*')
}
platform_compiles() {
	for file in $(files_of "$1"); do
		compile "$1" -O2 -c -o "$work/$1-$file.o" \
			"$srcdir/lib/os/$file.c" || return 1
	done
}

# Every function that the three headers declare is defined.
names_wanted() {
	sed -n 's/.*\b\(smi_os_[a-z_]*\)(.*/\1/p; s/^} \(smi_words\);$/\1/p
		s/^extern .*\b\(smi_os_[a-z_]*\);$/\1/p' \
		"$srcdir/lib/os/os.h" "$srcdir/lib/os/proc.h" \
		"$srcdir/lib/os/words.h" | sort -u
}
is_complete() {
	$NM "$work/$1"-*.o > "$work/names" || return 1
	names_wanted > "$work/wanted"
	test "$(wc -l < "$work/wanted")" -gt 40 || return 1
	awk '$2 ~ /[A-Z]/ && $2 != "U" { print $3 }' "$work/names" \
		| sort -u > "$work/defined"
	awk '$1 == "U" && $2 ~ /^smi_(os|posix|bsd)_/ { print $2 }' \
		"$work/names" | sort -u >> "$work/wanted"
	sort -u "$work/wanted" | comm -23 - "$work/defined" > "$work/missing"
	cat "$work/missing"
	test ! -s "$work/missing"
}

# Controls: a file with an extra line, and a platform without one of its files.
accepts() {
	{ cat "$srcdir/lib/os/$1.c"; echo "$2"; } > "$work/control.c"
	compile "$1" -fsyntax-only "$work/control.c"
}
finds() {
	! accepts "$@"
}
finds_a_gap() {
	rm "$work/$1-posix_process.o"
	! is_complete "$1"
}

for system in freebsd openbsd netbsd darwin; do
	tap "$system: the common files compile" common_compiles "$system"
	tap "$system: the files of the platform compile" \
		platform_compiles "$system"
	tap "$system: the platform defines every function it has to" \
		is_complete "$system"
	tap "$system: control: a valid line compiles" \
		accepts "$system" 'long page(void); long page(void)
		{ return sysconf(_SC_PAGESIZE); }'
	tap "$system: control: a header of Linux is absent" \
		finds "$system" '#include <sys/prctl.h>'
	tap "$system: control: a call of Linux is undeclared" \
		finds "$system" 'int barrier(void); int barrier(void)
		{ return madvise(0, 0, MADV_DONTFORK) + gettid(); }'
	tap "$system: control: a missing function is detected" \
		finds_a_gap "$system"
done
tap "control: macOS has no SOCK_CLOEXEC" \
	finds darwin '#include <sys/socket.h>
	int flag(void); int flag(void) { return SOCK_CLOEXEC; }'
tap "control: NetBSD has no getresuid()" \
	finds netbsd 'int ids(uid_t *i); int ids(uid_t *i)
	{ return getresuid(i, i, i); }'
tap_done
