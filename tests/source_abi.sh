#!/bin/sh
# A program that was compiled with the last release runs with this library: its
# ABI is in abi/, and nothing of it has gone or changed since.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

library=$BUILD_DIR/.libs/libsecmalloc.so
test -f "$library" || tap_skip_all "no shared library was built"
is_sanitized && tap_skip_all "a build with sanitizers is not for use"
make_work
trap 'rm -rf "$work"' EXIT

# ---- Changed copies of the sources ----------------------------------------

# changed NAME SED FILE...: a copy with the files changed by a script of sed.
changed() {
	tree=$work/$1
	script=$2
	mkdir "$tree" && cp -R "$srcdir/include" "$srcdir/lib" "$tree" || return 1
	chmod -R u+w "$tree"
	shift 2
	for file; do
		sed "$script" "$srcdir/$file" > "$tree/$file"
		! cmp -s "$srcdir/$file" "$tree/$file" || return 1
	done
}
linked() {
	"$srcdir/tools/abi" copy "$BUILD_DIR" "$1" "$1/library"
}

# ---- Constants ------------------------------------------------------------

constants_stay() {
	"$srcdir/tools/abi" constants "$BUILD_DIR" "$1" > "$work/constants"
	LC_ALL=C comm -23 "$srcdir"/abi/*.constants "$work/constants" \
		> "$work/gone"
	cat "$work/gone"
	test -s "$work/constants" && test ! -s "$work/gone"
}
sees_a_constant() {
	changed constant 's/\(SECMALLOC_NODUMP\) .*/\1 0x40u/' \
		include/secmalloc.h && ! constants_stay "$tree"
}
tap "the constants are those of the last release" constants_stay "$srcdir"
tap "control: a changed one is found" sees_a_constant

# ---- Functions and types --------------------------------------------------

give_up() {
	tap_skip "the functions and types are those of the last release" "$1"
	tap_done
	exit
}
# The way in which libabigail writes the architecture.
architecture() {
	sed -n "s/^<abi-corpus .*architecture='\([^']*\)'.*/\1/p" "$1"
}

abidiff --version > /dev/null 2>&1 || give_up "no abidiff"
abidw --no-corpus-path --out-file "$work/ours" "$library" > /dev/null 2>&1
stored=none
for file in "$srcdir"/abi/*.abi; do
	test "$(architecture "$file")" != "$(architecture "$work/ours")" \
		|| stored=$file
done
test "$stored" != none \
	|| give_up "there is none for $(architecture "$work/ours")"
abidiff "$stored" "$stored" > /dev/null 2>&1 \
	|| give_up "this abidiff cannot read what is stored"

# Changes that are known to be good, in libabigail's words for suppressions.
accepted=$srcdir/abi/accepted
if ! test -f "$accepted"; then
	accepted=$work/none
	: > "$accepted"
fi

# To add functions is no change for those who do not know them.
keeps_abi() {
	abidiff --no-added-syms --suppr "$accepted" "$stored" "$1"
}
copy_keeps_abi() {
	changed same '' && linked "$tree" && keeps_abi "$tree/library"
}
# is_found NAME SED FILE...: the bit 4 says that there are changes.
is_found() {
	changed "$@" && linked "$tree" || return 1
	status=0
	keeps_abi "$tree/library" || status=$?
	test $((status & 7)) -eq 4
}
removal_is_found() {
	is_found removed '/secmalloc_audit;/d' lib/secmalloc.map
	test $((status & 8)) -eq 8
}
addition_is_reported() {
	# shellcheck disable=SC1004 # of sed
	changed added '/secmalloc_audit;/a\
	secmalloc_more;' lib/secmalloc.map || return 1
	echo 'SECMALLOC_API int secmalloc_more(void) { return 0; }' \
		>> "$tree/lib/api/api.c"
	linked "$tree" && keeps_abi "$tree/library" || return 1
	abidiff "$stored" "$tree/library" | tee "$work/report"
	grep -q "'function int secmalloc_more()'" "$work/report"
}
field_is_accepted() {
	printf '[suppress_type]\nname = secmalloc_stats\n%s\n' \
		'has_data_member_inserted_at = 1280' > "$work/accepted"
	accepted=$work/accepted
	keeps_abi "$work/reserve/library"
}

if readelf -SW "$library" | grep -q '\.debug_info'; then
	tap "the library has the ABI of the last release" keeps_abi "$library"
else
	tap_skip "the library has the ABI of the last release" \
		"it was built without debugging information; see the next"
fi
tap "so has a copy with debugging information" copy_keeps_abi
tap "control: a function that is removed is found" removal_is_found
tap "so is a field that is changed" \
	is_found field 's/size_t low_bytes;/uint32_t low_bytes;/' \
	include/secmalloc.h
tap "and a parameter" is_found parameter \
	's/secmalloc_verify(unsigned checks)/secmalloc_verify(long checks)/' \
	include/secmalloc.h lib/api/api.c
tap "and a field in the place of reserved ones" is_found reserve \
	's/uint64_t reserved.12.;/uint64_t more; uint64_t reserved[11];/' \
	include/secmalloc.h
tap "which abi/accepted can let pass" field_is_accepted
tap "a function that is added is reported, and passes" addition_is_reported
tap_done
