#!/bin/sh
# All that names the version of the release, or that of the interface, agrees:
# with AC_INIT in configure.ac, or -version-info in lib/Makefile.inc.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
trap 'rm -rf "$work"' EXIT
tree=$srcdir

version=$(sed -n 's/^AC_INIT(\[secmalloc\], \[\(.*\)\])$/\1/p' \
	"$srcdir/configure.ac")
# The numbers of the library's file, of which the soname has the first.
file_version=$(sed -n 's/.*-version-info \([0-9:]*\).*/\1/p' \
	"$srcdir/lib/Makefile.inc" \
	| awk -F: '{ printf "%d.%d.%d\n", $1 - $3, $3, $2 }')
so_number=${file_version%%.*}

# all_are WANTED: there are lines in the input, and each is that.
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
# The ABI of an unreleased version may still grow, so abi/ has that of the
# release before it until then. NEWS says whether this version is released.
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
# The oldest symbols are of the release that began the soname, and none is of a
# release to come. Each node inherits the one before it.
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
# Wherever the library's file is named it is named in full, without a wildcard.
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
# The release that brought a symbol is the one that its node is named after.
debian_symbols() {
	map=$tree/lib/secmalloc.map
	{
		map_names "$map"
		sed -n 's/^\(SECMALLOC_.*\) {$/\1@\1/p' "$map"
	} | sed 's/.*@SECMALLOC_\(.*\)/& \1.0/' | sort > "$work/map"
	sed -n 's/^ //p' "$tree"/debian/*.symbols | sort | diff "$work/map" -
}

# ---- Each of them, and that it can fail -----------------------------------

copy_tree() {
	tree=$work/tree
	rm -rf "$tree"
	mkdir "$tree"
	for part in NEWS abi debian doc include lib secmalloc.spec tools; do
		cp -R "$srcdir/$part" "$tree" || return 1
	done
	chmod -R u+w "$tree"
}
# sees CHECK FILE SED: in a copy where the script has changed that file.
sees() {
	copy_tree || return 1
	sed "$3" "$srcdir/$2" > "$tree/$2" || return 1
	! cmp -s "$srcdir/$2" "$tree/$2" || return 1
	! "$1"
}
sees_an_old_abi() {
	copy_tree && : > "$tree/abi/secmalloc-0.5.0.constants" && ! stored_abi
}
# With the line in NEWS taken out, or put in where there was none, abi/ has the
# wrong version.
sees_a_wrong_state() {
	copy_tree || return 1
	released='/^Not released yet\./d'
	grep -q '^Not released' "$tree/NEWS" \
		|| released='1a\
\
Not released yet. So far it has:'
	sed "$released" "$srcdir/NEWS" > "$tree/NEWS" && ! stored_abi
}
# added NODE LINE...: a copy in which the version script has secmalloc_mutant in
# that node, and Debian's symbols have these lines more.
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
	tap "control: where it does not" sees "$2" "$3" "$4"
}

tap "what was built is $version" is_built
agrees "NEWS begins with $version and its day" news NEWS '1s/(.*)/(soon)/'
agrees "the header names it" header include/secmalloc.h 's/such as "/&9/'
agrees "and has its number" header_number include/secmalloc.h \
	's/_NUMBER 0x/&9/'
agrees "the manual names it" manual doc/secmalloc_init.3 's/^\.Qq /&9/'
agrees "the spec file has it" spec secmalloc.spec 's/^Version:.*/&9/'
agrees "so have its changes" spec_changes secmalloc.spec \
	'/^%changelog/,$s/ - /&9/'
agrees "Debian's changes have it" debian debian/changelog '1s/(/&9/'
tree=$srcdir
tap "the ABI of the release that NEWS names last is stored" stored_abi
tap "control: that of another is seen" sees_an_old_abi
tap "control: an ABI that a release did not store is seen" sees_a_wrong_state

if test -f "$BUILD_DIR/.libs/libsecmalloc.so"; then
	tap "the soname is libsecmalloc.so.$so_number" library
else
	tap_skip "the soname" "no shared library was built"
fi
agrees "the version script's nodes belong to it" map lib/secmalloc.map \
	's/^SECMALLOC_.* {/SECMALLOC_999.0 {/'
tap "control: a node that does not inherit the one before is seen" \
	sees_no_parent
agrees "the spec file packages it" spec_soname secmalloc.spec \
	's/\/libsecmalloc\.so\.[0-9.]*$/&9/'
agrees "all packages name the file libsecmalloc.so.$file_version" \
	file_names tools/packages.sh 's/libsecmalloc\.so\.[0-9.]*\./&9/'
agrees "Debian's package is named after it" debian_soname \
	"debian/libsecmalloc$so_number.symbols" 's/ libsecmalloc[0-9]*/&t64/'
agrees "Debian knows the symbols" debian_symbols lib/secmalloc.map \
	's/secmalloc_audit;/secmalloc_auditor;/'
tap "Debian can know those of another node" knows_a_node
tap "control: one that Debian does not know is seen" sees_no_symbol
tap "so is one that Debian has in another node" sees_another_node
tap "and one that Debian has from another release on" sees_another_release
tap_done
