#!/bin/sh
# What check-rpm, check-deb and check-distros have in common. To be sourced;
# $source_dir is the top of the source.
# SPDX-License-Identifier: ISC

srcdir=${source_dir:?}
. "$srcdir/tests/tap.sh"

say() { printf '# %s\n' "$*"; }

# A directory of our own, which an ordinary user may enter.
work=$(mktemp -d "${TMPDIR:-/tmp}/secmalloc-packages.XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Locales sort differently; a make that runs this has flags for itself.
LC_ALL=C
MAKEFLAGS=
export LC_ALL MAKEFLAGS

is_root() { test "$(id -u)" -eq 0; }

# Whether the source is a clone, not a tarball.
is_clone() {
	command -v git > /dev/null \
		&& git -c safe.directory='*' -C "$source_dir" ls-files \
			--error-unmatch debian/control > /dev/null 2>&1
}

# Run as one who owns the files of a root directory: root, or with a user
# namespace where that is allowed.
as_owner() {
	if is_root; then
		"$@"
	else
		unshare -r "$@"
	fi
}

# logged FILE COMMAND...: of its output, which is long, only what tells why it
# failed.
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

# The tarball in $work, made in build/ or $BUILD, which is configured if it is
# not yet.
make_tarball() {
	build=${BUILD:-$source_dir/build}
	mkdir -p "$build" && cd "$build" || return 1
	test -x "$source_dir/configure" || autoreconf -fi "$source_dir" \
		|| return 1
	test -f Makefile || "$source_dir/configure" || return 1
	make dist && mv secmalloc-*.tar.gz "$work"
}

# The tests ran in the build whose log this is, and none failed.
tests_ran() {
	sed -n 's/^# \(TOTAL\|FAIL\|ERROR\|XPASS\): */\1 /p' "$1" | awk '
		{ n[$1] += $2; print }
		END { exit !(n["TOTAL"] && !n["FAIL"] && !n["ERROR"] \
			&& !n["XPASS"]) }'
}
# How many ran, and what was skipped.
tell_tests() {
	say "$(awk '/^# (PASS|SKIP):/ { n[$2] += $3 }
		END { printf "the tests: %d passed, %d skipped", n["PASS:"],
			n["SKIP:"] }' "$1")"
	sed -n 's/^SKIP: /# skipped: /p' "$1"
}

# ---- What is in a package -----------------------------------------------------

# Of a list of paths, those that are not documents or lintian's, without the
# name of the library directory and of a compression.
normal_paths() {
	sed 's,^\./,/,; s,^/usr/lib[^/]*/,LIB/,; s,^/usr/,,; s/\.gz$//
		s,^LIB/[a-z0-9_]*-linux-gnu[a-z0-9]*/,LIB/,
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
	echo share/aclocal/secmalloc.m4
}
static_files() { echo LIB/libsecmalloc.a; }
# Each page that the source has of a section, and a name for each function.
manual_files() {
	{
		for page in "$source_dir"/doc/*."$1"; do
			echo "share/man/man$1/${page##*/}"
		done
		test "$1" != 3 || header_names | sed 's,.*,share/man/man3/&.3,'
	} | sort -u
}

# ---- What is in a root --------------------------------------------------------

# All paths in a root, but those of the package manager's database: $2 and what
# is below it.
paths_in() {
	(cd "$1" && find . -path "./$2" -prune -o -print) | sort
}
# Nothing came, nothing went since the list was made.
same_paths() {
	paths_in "$2" "$3" | diff "$1" -
}

# No libtool archive, and no path to libraries in one.
has_no_la() {
	! find "$1" -name '*.la' | grep .
}
has_no_rpath() {
	found=$(find "$1" -type f -name '*.so*')
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

# The checks above can fail.
control_roots() {
	control=$work/control
	mkdir -p "$control/lib" "$control/db"
	paths_in "$control" db > "$work/control.list"
	echo 'int f(void); int f(void) { return 0; }' > "$work/f.c"
	${CC:-cc} -shared -fPIC -o "$control/lib/f.so" "$work/f.c" \
		-Wl,-rpath,/nowhere
	: > "$control/lib/f.la"
	tap "control: a stray file is seen" \
		fails same_paths "$work/control.list" "$control" db
	tap "control: a libtool archive is seen" fails has_no_la "$control"
	tap "control: a path to libraries is seen" \
		fails has_no_rpath "$control"
}

# ---- The consumers ------------------------------------------------------------

# consumers NAME PREFIX [SYSROOT]: each of their results is one of ours.
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

# Passes a test's lines on; after them the line of figures that .ci/run adds up.
# That there was no plan, because the script ended early, is a failure.
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
