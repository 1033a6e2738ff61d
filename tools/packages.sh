#!/bin/sh
# Functions that check-rpm, check-deb and check-distros share. To be sourced with
# $source_dir set to the top directory of the sources.
# SPDX-License-Identifier: ISC

srcdir=${source_dir:?}
. "$srcdir/tests/tap.sh"

say() { printf '# %s\n' "$*"; }

# A working directory that ordinary users can enter.
work=$(mktemp -d "${TMPDIR:-/tmp}/secmalloc-packages.XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Locales differ in sorting. MAKEFLAGS of a make that runs this script are not
# meant for the builds here. These get TESTS through MAKEFLAGS, in which each $ is
# doubled.
LC_ALL=C
MAKEFLAGS=${TESTS:+TESTS=$(echo "$TESTS" | sed 's/[$]/$$/g') \
check_PROGRAMS=\$\$(TESTS)}
export LC_ALL MAKEFLAGS
unset TESTS

is_root() { test "$(id -u)" -eq 0; }

# Whether the source is a clone, not a tarball.
is_clone() {
	command -v git > /dev/null \
		&& git -c safe.directory='*' -C "$source_dir" ls-files \
			--error-unmatch debian/control > /dev/null 2>&1
}

# Run a command as the owner of the files in the empty root: as root, or in a user
# namespace, if one is allowed.
as_owner() {
	if is_root; then
		"$@"
	else
		unshare -r "$@"
	fi
}

# logged FILE COMMAND...: write the output to FILE. If the command fails, print the
# lines that tell why.
logged() {
	logged_file=$1
	shift
	"$@" > "$logged_file" 2>&1 < /dev/null || {
		grep '^not ok\|^FAIL\|^ERROR\|[Ee]rror:' "$logged_file" \
			| head -n 40
		tail -n 20 "$logged_file"
		return 1
	}
}

# Make the tarball in build/ or $BUILD, which is configured first if necessary, and
# move it to $work.
make_tarball() {
	build=${BUILD:-$source_dir/build}
	mkdir -p "$build" && cd "$build" || return 1
	test -x "$source_dir/configure" || autoreconf -fi "$source_dir" \
		|| return 1
	test -f Makefile || "$source_dir/configure" || return 1
	make dist && mv secmalloc-*.tar.gz "$work"
}

# tests_ran LOG: whether tests ran in the build with this log, and none failed.
tests_ran() {
	sed -n 's/^# \(TOTAL\|FAIL\|ERROR\|XPASS\): */\1 /p' "$1" | awk '
		{ n[$1] += $2; print }
		END { exit !(n["TOTAL"] && !n["FAIL"] && !n["ERROR"] \
			&& !n["XPASS"]) }'
}
# tell_tests LOG: print how many tests ran, and which were skipped.
tell_tests() {
	say "$(awk '/^# (PASS|SKIP):/ { n[$2] += $3 }
		END { printf "the tests: %d passed, %d skipped", n["PASS:"],
			n["SKIP:"] }' "$1")"
	sed -n 's/^SKIP: /# skipped: /p' "$1"
}

# ---- The files of a package ---------------------------------------------------

# Normalize a list of paths: replace the library directory by LIB, also in the path
# of the gdb script, remove the suffix of compression, and drop documents and
# lintian's files.
normal_paths() {
	sed 's,^\./,/,; s,^/usr/lib[^/]*/,LIB/,; s,^/usr/,,; s/\.gz$//
		s,^\(share/gdb/auto-load/usr/\)lib[^/]*/,\1LIB/,
		s,LIB/[a-z0-9_]*-linux-gnu[a-z0-9]*/,LIB/,
		/^share\/\(doc\|licenses\|lintian\)\//d' | sort
}
library_files() {
	echo LIB/libsecmalloc.so.1
	echo LIB/libsecmalloc.so.1.1.0
}
devel_files() {
	echo LIB/libsecmalloc.so
	echo LIB/pkgconfig/secmalloc.pc
	echo include/secmalloc.h
	echo include/secmalloc.hpp
	(cd "$source_dir" && ls include/secmalloc/*.hpp)
	echo share/aclocal/secmalloc.m4
	echo "share/gdb/auto-load/usr/$(library_files | tail -n 1)-gdb.py"
}
static_files() { echo LIB/libsecmalloc.a; }
# manual_files SECTION: each manual page of the section and, for section 3, a page
# for each function.
manual_files() {
	{
		for page in "$source_dir"/doc/*."$1"; do
			echo "share/man/man$1/${page##*/}"
		done
		test "$1" != 3 || header_names | sed 's,.*,share/man/man3/&.3,'
	} | sort -u
}

# ---- The files in a root ------------------------------------------------------

# paths_in ROOT DATABASE: all paths in a root, except the package manager's
# database, which is the directory DATABASE.
paths_in() {
	(cd "$1" && find . -path "./$2" -prune -o -print) | sort
}
# same_paths LIST ROOT DATABASE: whether the paths are still those in LIST.
same_paths() {
	paths_in "$2" "$3" | diff "$1" -
}

# Whether there is no libtool archive, and no library with an rpath.
has_no_la() {
	! find "$1" -name '*.la' | grep .
}
has_no_rpath() {
	found=$(find "$1" -type f -name '*.so*' ! -name '*-gdb.py')
	test -n "$found" || { echo "no library in $1"; return 1; }
	for file in $found; do
		readelf -dW "$file" > "$work/dynamic" || return 1
		! grep 'R.*PATH' "$work/dynamic" || return 1
	done
}
has_soname() {
	readelf -dW "$1"/usr/lib*/libsecmalloc.so.1 \
		"$1"/usr/lib/*/libsecmalloc.so.1 2> /dev/null \
		| grep 'SONAME.*\[libsecmalloc\.so\.1\]'
}
fails() { ! "$@"; }

# Controls: the checks above can fail.
control_roots() {
	control=$work/control
	mkdir -p "$control/lib" "$control/db"
	paths_in "$control" db > "$work/control.list"
	echo 'int f(void); int f(void) { return 0; }' > "$work/f.c"
	${CC:-cc} -shared -fPIC -o "$control/lib/f.so" "$work/f.c" \
		-Wl,-rpath,/nowhere
	: > "$control/lib/f.la"
	tap "control: a stray file is found" \
		fails same_paths "$work/control.list" "$control" db
	tap "control: a libtool archive is found" fails has_no_la "$control"
	tap "control: an rpath is found" \
		fails has_no_rpath "$control"
}

# ---- The consumers ------------------------------------------------------------

# consumers NAME PREFIX [SYSROOT]: run tests/consumers/run, and report each of its
# results as a result of this script.
consumers() {
	consumers_name=$1
	shift
	"$source_dir/tests/consumers/run" "$@" > "$work/consumers.tap" 2>&1
	while read -r line; do
		case $line in
		"ok "* | "not ok "*)
			tap_count=$((tap_count + 1))
			echo "$line" | sed "s/ok [0-9]*\( -\)\{0,1\}/ok \
$tap_count - $consumers_name:/"
			;;
		*)
			say "$line"
			;;
		esac
	done < "$work/consumers.tap"
	tap "$consumers_name: all consumers ran" \
		has_whole_plan "$work/consumers.tap"
}
has_whole_plan() {
	awk '/^(not )?ok / { ran++ }
		/^1\.\.[0-9]+/ { sub("1..", ""); planned = $1 + 0 }
		END { print ran + 0 " of " planned + 0
			exit !(planned && ran == planned) }' "$1"
}

# ---- The result ---------------------------------------------------------------

# Copy the lines of a test, and add the line of figures that .ci/run adds up. A
# missing plan, which means that the script ended early, counts as a failure.
figures() {
	awk '{ print; fflush() }
	/^not ok / { failed++; next }
	/^ok .*# SKIP/ || /^1\.\.0 # SKIP/ { skipped++ }
	/^ok / && !/# SKIP/ { passed++ }
	/^1\.\.[0-9]/ { planned = 1 }
	END {
		failed += !planned
		printf "%d passed, %d failed, %d skipped\n", passed, failed,
			skipped
		exit failed != 0
	}'
}
