#!/bin/sh
# What configure takes for there: a library that pkg-config tells of and that no
# program links with, as that of the machine that builds for another, is not. Nor
# are flags of programs that use this library those to build it with.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT

test -f "$srcdir/configure" || tap_skip_all "there is no configure"
test ! -f "$srcdir/config.status" \
	|| tap_skip_all "the sources are configured themselves"
top=$(cd "$srcdir" && pwd)

# What the build's configure knows of the compiler and of tools saves asking all
# of it again. What it knows of libraries is not among that.
sed -n '/^## Cache variables/,/^## Output variables/p' \
	"$BUILD_DIR/config.log" \
	| grep '^\(ac\|am\|lt\)_cv_' | grep -v '^ac_cv_env_' > "$work/cache"

# finds yes|no LIBS: configure, told of libsodium's flags, says that. In its
# environment are flags of programs that use secmalloc.
finds() {
	(
		cd "$work" && SECMALLOC_CFLAGS=-DTHEIRS \
			SECMALLOC_LDFLAGS=-L/theirs \
			SECMALLOC_LIB_LDFLAGS=-L/theirs "$top/configure" \
			--cache-file=cache \
			SODIUM_CFLAGS=-DSODIUM SODIUM_LIBS="$2" > said 2>&1
	) || return 1
	grep 'example daemon' "$work/said"
	grep -q "example daemon *$1 " "$work/said" \
		&& grep -q "libsodium $1," "$work/said"
}
# A cache keeps the flags too, and configure stops if they are others.
forget() {
	sed -i.bak '/^ac_cv_env_SODIUM/d' "$work/cache"
}
has_no_flags_of_users() {
	grep 'flags added' "$work/said"
	grep -q 'flags added.*-Wall' "$work/said" \
		&& ! grep 'flags added' "$work/said" | grep -i theirs
}

tap "a library that is not for this compiler is not used" \
	finds no -lsecmalloc-no-such-library
tap "control: without that it is" eval 'forget; finds yes -lm'
tap "flags of programs that use it are not added" has_no_flags_of_users
tap_done
