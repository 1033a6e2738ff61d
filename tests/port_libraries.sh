#!/bin/sh
# Which libraries and flags configure uses. A library that pkg-config reports
# but that no program can link with, such as one of the build machine when
# compiling for another, is not used. Flags for programs that use secmalloc are
# not used to build it.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT

test -f "$srcdir/configure" || tap_skip_all "configure does not exist"
test ! -f "$srcdir/config.status" \
	|| tap_skip_all "the source directory itself is configured"
top=$(cd "$srcdir" && pwd)

# The cache of the build's configure, for the compiler and tools only, saves
# repeating these checks. Results about libraries are left out.
sed -n '/^## Cache variables/,/^## Output variables/p' \
	"$BUILD_DIR/config.log" \
	| grep '^\(ac\|am\|lt\)_cv_' | grep -v '^ac_cv_env_' > "$work/cache"

# finds yes|no LIBS: configure reports this about libsodium when it is given
# libsodium's flags. The environment contains flags of programs that use
# secmalloc.
finds() {
	(
		cd "$work" && SECMALLOC_CFLAGS=-DTHEIRS \
			SECMALLOC_LDFLAGS=-L/theirs \
			SECMALLOC_LIB_LDFLAGS=-L/theirs "$top/configure" \
			--cache-file=cache --no-create \
			SODIUM_CFLAGS=-DSODIUM SODIUM_LIBS="$2" > said 2>&1
	) || return 1
	grep 'example daemon' "$work/said"
	grep -q "example daemon *$1 " "$work/said" \
		&& grep -q "libsodium $1," "$work/said"
}
# The cache contains the flags too, and configure stops if they have changed.
forget() {
	sed -i.bak '/^ac_cv_env_SODIUM/d' "$work/cache"
}
has_no_flags_of_users() {
	grep 'flags added' "$work/said"
	grep -q 'flags added.*-Wall' "$work/said" \
		&& ! grep 'flags added' "$work/said" | grep -i theirs
}

tap "a library that this compiler cannot link with is not used" \
	finds no -lsecmalloc-no-such-library
tap "control: a library that can be linked is used" eval 'forget; finds yes -lm'
tap "flags of programs that use secmalloc are not added" has_no_flags_of_users
tap_done
