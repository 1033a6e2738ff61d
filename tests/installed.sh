#!/bin/sh
# The build, installed to be tried. To be sourced, after tap.sh.
# SPDX-License-Identifier: ISC

is_sanitized && tap_skip_all "a build with sanitizers is not for use"
missing=$(why_no_install)
test -z "$missing" || tap_skip_all "$missing"
make_work_to_run
# shellcheck disable=SC2154 # that sets it
trap 'rm -rf "$work"' EXIT
stage=$work/stage
prefix=$work/prefix
# The prefix that the build was configured with.
configured=$(sed -n 's/^prefix=//p' "$BUILD_DIR/secmalloc.pc")

# Into a directory as a packager's, $stage.
install_to_stage() {
	# MAKEFLAGS of the make that runs the tests are not for this one.
	MAKEFLAGS='' make -C "$BUILD_DIR" install DESTDIR="$stage"
}
# change_pc DIRECTORY EXPRESSION...: edit, with sed, the secmalloc.pc below it.
change_pc() {
	pc=$(find "$1" -name secmalloc.pc)
	shift
	sed "$@" "$pc" > "$work/pc" && mv "$work/pc" "$pc"
}
# From there to $prefix, as if it had been configured with that.
move_to_prefix() {
	mv "$stage$configured" "$prefix" \
		&& change_pc "$prefix" \
			-e "s,^\([a-z_]*\)=$configured,\1=\${prefix}," \
			-e "s,^prefix=.*,prefix=$prefix,"
}
