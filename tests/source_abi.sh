#!/bin/sh
# A program that was compiled with the last release runs with this library. The
# ABI of the last release is stored in abi/. Nothing in it may be removed or
# changed.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

library=$BUILD_DIR/.libs/libsecmalloc.so
test -f "$library" || tap_skip_all "no shared library was built"
is_sanitized && tap_skip_all "a build with sanitizers is not meant for use"
make_work
trap 'rm -rf "$work"' EXIT

# ---- Changed copies of the sources ----------------------------------------

# changed NAME SED FILE...: create a copy of the sources in which a sed script
# has changed these files.
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

fails() { ! "$@"; }

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
tap "the constants have the values of the last release" constants_stay "$srcdir"
tap "control: a changed constant is detected" sees_a_constant

# ---- Structures -----------------------------------------------------------

# compared TREE MODEL: print what is wrong with the structures of a tree in this
# data model, and list the new fields in $work/added. Old fields must stay where
# they are. New fields must take reserved words and leave no gap, because the
# library could not check that the bytes of a gap are 0.
compared() {
	"$srcdir/tools/abi" layout "$BUILD_DIR" "$1" "$2" > "$work/layout" \
		|| return 1
	: > "$work/added"
	awk -v added="$work/added" '
	NR == FNR && / reserved\[/ { room[$1] = $2; next }
	NR == FNR { old[$0]; next }
	NF == 3 { size[$1] = $3 }
	NF > 3 && $2 != end[$1] { print "after a gap: " $0 }
	NF > 3 { end[$1] = $2 + $3 }
	$0 in old { delete old[$0]; next }
	!($1 in room) { next }
	$2 < room[$1] { print "in place of something else: " $0 }
	NF > 3 && !/ reserved\[/ { print $1, $2 > added }
	END {
		for (line in old)
			print "gone: " line
		for (name in size)
			if (end[name] != size[name])
				print "a gap at the end: " name
	}' "$srcdir"/abi/*-"$2".layout "$work/layout"
}
layout_stays() {
	compared "$@" > "$work/wrong" || return 1
	cat "$work/wrong"
	test ! -s "$work/wrong"
}
own=$("$srcdir/tools/abi" data_model "$BUILD_DIR")
tap "the structures have the last release's layout, with $own" \
	layout_stays "$srcdir" "$own"
for other in lp64 ilp32; do
	test $other != "$own" || continue
	if "$srcdir/tools/abi" layout "$BUILD_DIR" "$srcdir" $other \
		> /dev/null 2>&1; then
		tap "the structures have the last release's layout, with $other" \
			layout_stays "$srcdir" $other
	else
		tap_skip "the structures have the last release's layout, with $other" \
			"the compiler has no such target"
	fi
done

# abi/accepted tells abidiff which new fields not to report. abidiff reports a
# structure unless a single suppression covers all of its new fields. So each
# structure has one suppression, with one range for each field.
accepted=$srcdir/abi/accepted
if ! test -f "$accepted"; then
	accepted=$work/none
	: > "$accepted"
fi
# suppressions TREE: print what abi/accepted has to contain.
suppressions() {
	compared "$1" "$own" > "$work/wrong"
	awk '$1 != name {
		printf "%s[suppress_type]\nname = %s\n%s", name ? "}\n\n" : "",
			$1, "has_data_members_inserted_between = {"
	}
	{
		printf "%s{%d, %d}", $1 == name ? ", " : "", $2 * 8, $2 * 8
		name = $1
	}
	END { if (name) print "}" }' "$work/added"
}
# is_accepted TREE FILE
is_accepted() {
	suppressions "$1" > "$work/suppressions"
	grep -v '^#' "$2" | diff "$work/suppressions" -
}

# The number of reserved words that are left, and a sed script that takes one of
# them for a field.
room=$("$srcdir/tools/abi" declared "$srcdir" \
	| sed -n 's/^secmalloc_stats reserved .*\[\(.*\)\]$/\1/p')
one_less="reserved[$((room - 1))]"
take_one="s/uint64_t reserved.$room.;/uint64_t mutant; uint64_t $one_less;/"

# layout_changes NAME SED
layout_changes() {
	changed "$1" "$2" include/secmalloc.h \
		&& compared "$tree" "$own" > "$work/wrong" \
		&& test -s "$work/wrong"
}
field_fits() {
	changed fits "$take_one" include/secmalloc.h \
		&& layout_stays "$tree" "$own"
}
tap "a field that takes a reserved word is accepted" field_fits
if [ "$own" = lp64 ]; then
	tap "abi/accepted lists exactly the fields that were added" \
		is_accepted "$srcdir" "$accepted"
	tap "control: a field that abi/accepted does not list is detected" \
		fails is_accepted "$work/fits" "$accepted"
	suppressions "$work/fits" > "$work/more"
	tap "control: a field that does not exist is detected" \
		fails is_accepted "$srcdir" "$work/more"
else
	tap_skip "abi/accepted lists exactly the fields that were added" \
		"its offsets are those of processors with 64 bits"
fi
tap "control: a field in the middle is detected" layout_changes middle \
	"s/uint64_t chunks;/uint64_t mutant; &/; s/reserved.$room./$one_less/"
tap "control: a removed field is detected" layout_changes renamed \
	's/uint64_t frees;/uint64_t freed;/'
tap "control: another type of the same size is detected" layout_changes type \
	's/uint64_t frees;/int64_t frees;/'
tap "control: a larger structure is detected" layout_changes larger \
	"s/uint64_t reserved.$room.;/uint64_t mutant; &/"
tap "control: a gap is detected" layout_changes gap \
	"s/uint64_t reserved.$room.;/uint32_t mutant; uint64_t $one_less;/"

# ---- Nodes of the version script ------------------------------------------

sed -n "s/.*<elf-symbol name='\([^']*\)' version='\([^']*\)'.*/\1@\2/p" \
	"$srcdir"/abi/*.abi > "$work/old"
release=$(sed -n 's/^AC_INIT(\[secmalloc\], \[\(.*\)\.[0-9]*\])$/\1/p' \
	"$srcdir/configure.ac")
# nodes_stay MAP RELEASE: each symbol of the last release is still in its node,
# and each symbol that was added since is in the node of RELEASE.
nodes_stay() {
	map_names "$1" | awk -F @ -v node="SECMALLOC_$2" '
	NR == FNR { old[$0]; nodes[$2]; next }
	$0 in old { delete old[$0]; next }
	$2 in nodes || $2 != node { print "in the wrong node: " $0; bad = 1 }
	END {
		for (name in old) {
			print "gone: " name
			bad = 1
		}
		exit bad
	}' "$work/old" -
}
# The release that may add functions: this one, unless its ABI is already
# stored.
next=$release
! grep -q "@SECMALLOC_$release\$" "$work/old" || next=1.99
# added_to NODE
added_to() {
	map_with secmalloc_mutant "$1" > "$work/mutant.map"
	nodes_stay "$work/mutant.map" "$next"
}
tap "symbols stay in their nodes, and new ones are in the node of $release" \
	nodes_stay "$srcdir/lib/secmalloc.map" "$release"
tap "a symbol added to the node of a new release is accepted" \
	added_to "SECMALLOC_$next"
tap "control: a symbol added to an old node is detected" \
	fails added_to SECMALLOC_1.0
tap "control: a symbol in the node of another release is detected" \
	fails added_to SECMALLOC_1.98

# ---- Functions and types --------------------------------------------------

give_up() {
	tap_skip "the functions and types are those of the last release" "$1"
	tap_done
	exit
}
# The architecture as libabigail writes it.
architecture() {
	sed -n "s/^<abi-corpus .*architecture='\([^']*\)'.*/\1/p" "$1"
}

abidiff --version > /dev/null 2>&1 || give_up "abidiff is not installed"
abidw --no-corpus-path --out-file "$work/ours" "$library" > /dev/null 2>&1
stored=none
for file in "$srcdir"/abi/*.abi; do
	test "$(architecture "$file")" != "$(architecture "$work/ours")" \
		|| stored=$file
done
test "$stored" != none \
	|| give_up "no ABI is stored for $(architecture "$work/ours")"
abidiff "$stored" "$stored" > /dev/null 2>&1 \
	|| give_up "this abidiff cannot read the stored ABI"

# A new function does not affect programs that do not use it.
keeps_abi() {
	abidiff --no-added-syms --suppr "$accepted" "$stored" "$1"
}
copy_keeps_abi() {
	changed same '' && linked "$tree" && keeps_abi "$tree/library"
}
# is_found NAME SED FILE...: abidiff reports the changed copy. The bit 4 of its
# exit status stands for changes.
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
# The new function returns a value that no other function returns. Otherwise the
# compiler could merge two functions.
addition_is_reported() {
	changed addition '' || return 1
	map_with secmalloc_mutant SECMALLOC_1.99 > "$tree/lib/secmalloc.map"
	echo 'SECMALLOC_API int secmalloc_mutant(void) { return 99; }' \
		>> "$tree/lib/api/api.c"
	linked "$tree" && keeps_abi "$tree/library" || return 1
	abidiff "$stored" "$tree/library" | tee "$work/report"
	grep -q "'function int secmalloc_mutant()'" "$work/report"
}
field_is_accepted() {
	suppressions "$work/reserve" > "$work/more"
	accepted=$work/more
	keeps_abi "$work/reserve/library"
}

if readelf -SW "$library" | grep -q '\.debug_info'; then
	tap "the library has the ABI of the last release" keeps_abi "$library"
else
	tap_skip "the library has the ABI of the last release" \
		"it has no debugging information; the next result covers it"
fi
tap "a copy with debugging information has the ABI of the last release" \
	copy_keeps_abi
tap "control: a removed function is detected" removal_is_found
tap "control: a parameter of another type is detected" is_found parameter \
	's/secmalloc_verify(unsigned checks)/secmalloc_verify(long checks)/' \
	include/secmalloc.h lib/api/api.c
tap "control: a field in place of reserved words is detected" \
	is_found reserve "$take_one" include/secmalloc.h
tap "abi/accepted can accept a field in place of reserved words" \
	field_is_accepted
tap "an added function is reported and accepted" addition_is_reported
tap_done
