#!/bin/sh
# Every file that names the version of the release agrees with AC_INIT in
# configure.ac. Every file that names the version of the interface agrees with
# -version-info in lib/Makefile.inc.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
tree=$srcdir

version=$(sed -n 's/^AC_INIT(\[secmalloc\], \[\(.*\)\])$/\1/p' \
	"$srcdir/configure.ac")
# The numbers in the name of the library's file. The first is that of the
# soname.
file_version=$(sed -n 's/.*-version-info \([0-9:]*\).*/\1/p' \
	"$srcdir/lib/Makefile.inc" \
	| awk -F: '{ printf "%d.%d.%d\n", $1 - $3, $3, $2 }')
so_number=${file_version%%.*}

# all_are WANTED: there are lines in the input, and each of them is WANTED.
all_are() {
	awk -v wanted="$1" '$0 != wanted { print "not " wanted ": " $0; bad = 1 }
		END { if (NR == 0) print "there is none"; exit bad || !NR }'
}

# ---- The release ----------------------------------------------------------

is_built() {
	sed -n 's/^Version: //p' "$BUILD_DIR/secmalloc.pc" \
		| all_are "$version" || return 1
	sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' \
		"$BUILD_DIR/config.h" | all_are "$version"
}
news() {
	sed 's/(20[0-9][0-9]-[01][0-9]-[0-3][0-9])$/(DAY)/;q' "$tree/NEWS" \
		| all_are "$version (DAY)"
}
header() {
	sed -n 's/.*such as "\([0-9.]*\)".*/\1/p' "$tree/include/secmalloc.h" \
		| all_are "$version"
}
header_number() {
	number=$(echo "$version" \
		| awk -F. '{ printf "0x%02x%02x%02x", $1, $2, $3 }')
	sed -n 's/^#define SECMALLOC_VERSION_NUMBER //p' \
		"$tree/include/secmalloc.h" | all_are "$number"
}
manual() {
	sed -n 's/^\.Qq \([0-9.]*\) \.$/\1/p' "$tree/doc/secmalloc_init.3" \
		| all_are "$version"
}
spec() {
	sed -n 's/^Version:[[:space:]]*//p' "$tree/secmalloc.spec" \
		| all_are "$version"
}
spec_changes() {
	sed -n '/^%changelog/,$s/^\*.* - \(.*\)-[0-9]*$/\1/p' \
		"$tree/secmalloc.spec" | head -n 1 | all_are "$version"
}
debian() {
	sed -n '1s/^secmalloc (\([^)-]*\).*/\1/p' "$tree/debian/changelog" \
		| all_are "$version"
}
# The ABI of an unreleased version may still grow. Until the release, abi/ holds
# that of the release before. NEWS says whether this version is released.
stored_abi() {
	wanted=$version
	! grep -q '^Not released yet\.' "$tree/NEWS" \
		|| wanted=$(sed -n 's/^\([0-9.]*\) (.*)$/\1/p' "$tree/NEWS" \
			| sed -n 2p)
	for file in "$tree"/abi/secmalloc-*; do
		echo "${file##*/}" | sed 's/^secmalloc-\([0-9.]*[0-9]\).*/\1/'
	done | all_are "$wanted"
}

# ---- The interface --------------------------------------------------------

library() {
	readelf -d "$BUILD_DIR/.libs/libsecmalloc.so" \
		| sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p' \
		| all_are "libsecmalloc.so.$so_number"
}
# The oldest node is that of the release that introduced the soname, and no node
# is newer than this release. Each node inherits from the one before.
map() {
	sed -n 's/^SECMALLOC_\(.*\) {$/\1/p' "$tree/lib/secmalloc.map" \
		> "$work/nodes"
	sed 1q "$work/nodes" | all_are "$so_number.0" || return 1
	{ cat "$work/nodes" && echo "${version%.*}"; } | sort -V | tail -n 1 \
		| all_are "${version%.*}" || return 1
	awk '/ [{]$/ { node = $1 }
		/^[}]/ { sub(/;/, "", $2)
			if ($2 != last) { print node " inherits " $2; bad = 1 }
			last = node }
		END { exit bad }' "$tree/lib/secmalloc.map"
}
spec_soname() {
	sed -n 's,.*%{_libdir}/libsecmalloc\.so\.,,p' "$tree/secmalloc.spec" \
		| sed -n 1p | all_are "$so_number"
}
# Every file that names the library's file names it in full, without a wildcard.
file_names() {
	for file in secmalloc.spec tools/packages.sh doc/PACKAGING.md \
		"debian/libsecmalloc$so_number.install" \
		"debian/libsecmalloc$so_number.lintian-overrides"; do
		grep -o 'libsecmalloc\.so\.[0-9]*\.[0-9.]*[0-9]' \
			"$tree/$file" || echo "nothing in $file"
	done | all_are "libsecmalloc.so.$file_version"
}
debian_soname() {
	sed -n 's/ #MINVER#$//p' "$tree"/debian/*.symbols \
		| all_are "libsecmalloc.so.$so_number libsecmalloc$so_number"
}
# Debian's symbols file says for each symbol the release that its node is named
# after.
debian_symbols() {
	map=$tree/lib/secmalloc.map
	{
		map_names "$map"
		sed -n 's/^\(SECMALLOC_.*\) {$/\1@\1/p' "$map"
	} | sed 's/.*@SECMALLOC_\(.*\)/& \1.0/' | sort > "$work/map"
	sed -n 's/^ //p' "$tree"/debian/*.symbols | sort | diff "$work/map" -
}

# ---- Each check and its control -------------------------------------------

# Only what the checks read.
copy_tree() {
	tree=$work/tree
	rm -rf "$tree"
	mkdir -p "$tree/doc" "$tree/include" "$tree/lib" "$tree/tools"
	cp -R "$srcdir/NEWS" "$srcdir/abi" "$srcdir/debian" \
		"$srcdir/secmalloc.spec" "$tree" || return 1
	for part in doc/PACKAGING.md doc/secmalloc_init.3 include/secmalloc.h \
		lib/secmalloc.map tools/packages.sh; do
		cp "$srcdir/$part" "$tree/$part" || return 1
	done
	chmod -R u+w "$tree"
}
# sees CHECK FILE SED: the check fails in a copy in which the script has changed
# the file.
sees() {
	copy_tree || return 1
	sed "$3" "$srcdir/$2" > "$tree/$2" || return 1
	! cmp -s "$srcdir/$2" "$tree/$2" || return 1
	! "$1"
}
sees_an_old_abi() {
	copy_tree && : > "$tree/abi/secmalloc-0.5.0.constants" && ! stored_abi
}
# If the line about the release is removed from NEWS, or added where there was
# none, abi/ has the wrong version.
sees_a_wrong_state() {
	copy_tree || return 1
	released='/^Not released yet\./d'
	grep -q '^Not released' "$tree/NEWS" \
		|| released='1a\
\
Not released yet. So far it has:'
	sed "$released" "$srcdir/NEWS" > "$tree/NEWS" && ! stored_abi
}
# added NODE LINE...: create a copy in which the version script has
# secmalloc_mutant in this node and Debian's symbols file has these lines more.
added() {
	copy_tree || return 1
	map_with secmalloc_mutant "$1" > "$tree/lib/secmalloc.map"
	shift
	printf ' %s\n' "$@" >> "$tree/debian/libsecmalloc$so_number.symbols"
}
mutant_node="SECMALLOC_1.99@SECMALLOC_1.99 1.99.0"
mutant="secmalloc_mutant@SECMALLOC_1.99 1.99.0"
knows_a_node() {
	added SECMALLOC_1.99 "$mutant_node" "$mutant" && debian_symbols
}
sees_no_symbol() {
	added SECMALLOC_1.99 "$mutant_node" && ! debian_symbols
}
sees_another_node() {
	added SECMALLOC_1.0 "$mutant_node" "$mutant" && ! debian_symbols
}
sees_another_release() {
	added SECMALLOC_1.99 "$mutant_node" "${mutant% *} 1.0.0" \
		&& ! debian_symbols
}
sees_no_parent() {
	copy_tree && map_with secmalloc_mutant "SECMALLOC_${version%.*}" \
		| sed 's/^} .*/};/' > "$tree/lib/secmalloc.map" && ! map
}
# agrees NAME CHECK FILE SED
agrees() {
	tree=$srcdir
	tap "$1" "$2"
	tap "control: $1: a difference is detected" sees "$2" "$3" "$4"
}

tap "the build has version $version" is_built
agrees "NEWS begins with $version and its date" news NEWS '1s/(.*)/(soon)/'
agrees "the header's comment names $version" \
	header include/secmalloc.h 's/such as "/&9/'
agrees "the header has the number of $version" \
	header_number include/secmalloc.h 's/_NUMBER 0x/&9/'
agrees "the manual names $version" manual doc/secmalloc_init.3 's/^\.Qq /&9/'
agrees "the spec file has version $version" \
	spec secmalloc.spec 's/^Version:.*/&9/'
agrees "the spec file's changelog begins with $version" \
	spec_changes secmalloc.spec \
	'/^%changelog/,$s/ - /&9/'
agrees "Debian's changelog begins with $version" \
	debian debian/changelog '1s/(/&9/'
tree=$srcdir
tap "abi/ holds the ABI of the last release in NEWS" stored_abi
tap "control: the ABI of another release is detected" sees_an_old_abi
tap "control: an ABI that a release did not store is detected" \
	sees_a_wrong_state

if test -f "$BUILD_DIR/.libs/libsecmalloc.so"; then
	tap "the soname is libsecmalloc.so.$so_number" library
else
	tap_skip "the soname is libsecmalloc.so.$so_number" \
		"no shared library was built"
fi
agrees "the version script's nodes belong to the soname" map lib/secmalloc.map \
	's/^SECMALLOC_.* {/SECMALLOC_999.0 {/'
tap "control: a node that does not inherit from the one before is detected" \
	sees_no_parent
agrees "the spec file packages libsecmalloc.so.$so_number" \
	spec_soname secmalloc.spec \
	's/\/libsecmalloc\.so\.[0-9.]*$/&9/'
agrees "all packages name the file libsecmalloc.so.$file_version" \
	file_names tools/packages.sh 's/libsecmalloc\.so\.[0-9.]*\./&9/'
agrees "Debian's package is named after the soname" debian_soname \
	"debian/libsecmalloc$so_number.symbols" 's/ libsecmalloc[0-9]*/&t64/'
agrees "Debian's symbols file lists the symbols" \
	debian_symbols lib/secmalloc.map \
	's/secmalloc_audit;/secmalloc_auditor;/'
tap "Debian's symbols file can list symbols of a second node" knows_a_node
tap "control: a symbol missing from Debian's file is detected" \
	sees_no_symbol
tap "control: a symbol in another node of Debian's file is detected" \
	sees_another_node
tap "control: another release in Debian's file is detected" \
	sees_another_release
tap_done
