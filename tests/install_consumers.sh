#!/bin/sh
# The projects of consumers/ find, build with and run with what is installed, in
# a DESTDIR and in a prefix.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"
. "$srcdir/tests/installed.sh"

run=$srcdir/tests/consumers/run
CONSUMERS_WORK=$work/consumers
export CONSUMERS_WORK
mkdir "$CONSUMERS_WORK"

# fails_at PATTERN ARGUMENT...: run fails, and with this line.
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

tap "make install" install_to_stage
tap_adopt "DESTDIR" "$run" "$configured" "$stage"
tap "in a prefix" move_to_prefix
# Of what takes its flags from pkg-config, one for each kind of build.
tap_adopt "prefix" env CONSUMERS="make autoconf-macro cmake meson" \
	"$run" "$prefix"
tap "control: nothing is found where nothing is" \
	fails_at 'secmalloc.pc is installed' "$prefix" "$stage"
tap "control: another version is told" finds_another_version
tap_done
