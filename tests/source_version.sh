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
stored_abi() {
	for file in "$tree"/abi/secmalloc-*; do
		echo "${file##*/}" | sed 's/^secmalloc-\([0-9.]*[0-9]\).*/\1/'
	done | all_are "$version"
}

# ---- The interface --------------------------------------------------------

library() {
	readelf -d "$BUILD_DIR/.libs/libsecmalloc.so" \
		| sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p' \
		| all_are "libsecmalloc.so.$so_number"
}
# The oldest symbols are of the release that began the soname, and none is of a
# release to come.
map() {
	sed -n 's/^SECMALLOC_\(.*\) {$/\1/p' "$tree/lib/secmalloc.map" \
		> "$work/nodes"
	sed 1q "$work/nodes" | all_are "$so_number.0" || return 1
	{ cat "$work/nodes" && echo "${version%.*}"; } | sort -V | tail -n 1 \
		| all_are "${version%.*}"
}
spec_soname() {
	sed -n 's,.*%{_libdir}/libsecmalloc\.so\.,,p' "$tree/secmalloc.spec" \
		> "$work/files"
	sed -n 1p "$work/files" | all_are "$so_number" || return 1
	sed -n 2p "$work/files" | all_are "$file_version"
}
debian_soname() {
	sed -n 's/ #MINVER#$//p' "$tree"/debian/*.symbols \
		| all_are "libsecmalloc.so.$so_number libsecmalloc$so_number"
}
debian_symbols() {
	awk '/^SECMALLOC_/ { node = $1; print node "@" node }
		/^local:/ { exit }
		/^\t/ { sub(";", ""); print $1 "@" node }' \
		"$tree/lib/secmalloc.map" | sort > "$work/map"
	sed -n 's/^ \([^ ]*@[^ ]*\) .*/\1/p' "$tree"/debian/*.symbols | sort \
		| diff "$work/map" -
}

# ---- Each of them, and that it can fail -----------------------------------

copy_tree() {
	tree=$work/tree
	rm -rf "$tree"
	mkdir "$tree"
	for part in NEWS abi debian doc include lib secmalloc.spec; do
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
tap "the ABI of that release is stored" stored_abi
tap "control: that of another is seen" sees_an_old_abi

if test -f "$BUILD_DIR/.libs/libsecmalloc.so"; then
	tap "the soname is libsecmalloc.so.$so_number" library
else
	tap_skip "the soname" "no shared library was built"
fi
agrees "the version script's nodes belong to it" map lib/secmalloc.map \
	's/^SECMALLOC_.* {/SECMALLOC_999.0 {/'
agrees "the spec file packages it" spec_soname secmalloc.spec \
	's/\/libsecmalloc\.so\.[0-9.]*$/&9/'
agrees "Debian's package is named after it" debian_soname \
	"debian/libsecmalloc$so_number.symbols" 's/ libsecmalloc[0-9]*/&t64/'
agrees "Debian knows the symbols" debian_symbols lib/secmalloc.map \
	's/secmalloc_audit;/secmalloc_auditor;/'
tap_done
