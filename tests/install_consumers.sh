#!/bin/sh
# The projects in consumers/ find an installed copy, build with it and run with
# it, in a DESTDIR and in a prefix.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"
. "$srcdir/tests/installed.sh"

run=$srcdir/tests/consumers/run
CONSUMERS_WORK=$work/consumers
export CONSUMERS_WORK
mkdir "$CONSUMERS_WORK"

# fails_at PATTERN ARGUMENT...: the script `run` fails with a line that matches
# the pattern.
fails_at() {
	pattern=$1
	shift
	! CONSUMERS="make" "$run" "$@" > "$work/output"
	cat "$work/output"
	grep -q "^not ok .*$pattern" "$work/output"
}
finds_another_version() {
	cp -R "$prefix" "$work/other"
	change_pc "$work/other" -e "s,=$prefix,=$work/other," \
		-e 's/^Version:.*/Version: 1.9.9/'
	fails_at 'make: it runs' "$work/other"
}

tap "make install succeeds" install_to_stage
tap_adopt "DESTDIR" "$run" "$configured" "$stage"
tap "the installed tree moves to a prefix" move_to_prefix
# Of the projects that use pkg-config, one for each kind of build is enough.
tap_adopt "prefix" env CONSUMERS="make autoconf-macro cmake meson" \
	"$run" "$prefix"
tap "control: an empty directory is detected" \
	fails_at 'secmalloc.pc is installed' "$prefix" "$stage"
tap "control: another version is detected" finds_another_version
tap_done
