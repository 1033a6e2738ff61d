#!/bin/sh
# Installs the build for a suite. Source this file after tap.sh.
#
# SPDX-License-Identifier: ISC

is_sanitized && tap_skip_all "a build with sanitizers is not meant for use"
missing=$(why_no_install)
test -z "$missing" || tap_skip_all "$missing"
make_work_to_run
# shellcheck disable=SC2154 # make_work_to_run sets it
trap 'rm -rf "$work"' EXIT
stage=$work/stage
prefix=$work/prefix
# The prefix that the build was configured with.
configured=$(sed -n 's/^prefix=//p' "$BUILD_DIR/secmalloc.pc")

# Install into $stage, as a packager does.
install_to_stage() {
	# The MAKEFLAGS of the make that runs the tests are not meant for this
	# make.
	MAKEFLAGS='' make -C "$BUILD_DIR" install DESTDIR="$stage"
}
# change_pc DIRECTORY EXPRESSION...: edit the secmalloc.pc below the directory
# with sed.
change_pc() {
	pc=$(find "$1" -name secmalloc.pc)
	shift
	sed "$@" "$pc" > "$work/pc" && mv "$work/pc" "$pc"
}
# Move the files from $stage to $prefix, as if that had been configured.
move_to_prefix() {
	mv "$stage$configured" "$prefix" \
		&& change_pc "$prefix" \
			-e "s,^\([a-z_]*\)=$configured,\1=\${prefix}," \
			-e "s,^prefix=.*,prefix=$prefix,"
}
