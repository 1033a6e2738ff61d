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
tap "the constants are those of the last release" constants_stay "$srcdir"
tap "control: a changed one is found" sees_a_constant

# ---- Structures -----------------------------------------------------------

# compared TREE MODEL: print what is wrong with its structures in this data model,
# and list its new fields in $work/added. Old fields stay where they are. New ones
# take reserved words and leave no gap: the library could not ask for the bytes of
# a gap to be 0.
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
tap "the structures are those of the last release, with $own" \
	layout_stays "$srcdir" "$own"
for other in lp64 ilp32; do
	test $other != "$own" || continue
	if "$srcdir/tools/abi" layout "$BUILD_DIR" "$srcdir" $other \
		> /dev/null 2>&1; then
		tap "and with $other" layout_stays "$srcdir" $other
	else
		tap_skip "and with $other" "the compiler has no such target"
	fi
done

# What abidiff is not to report: fields that were added. It reports a structure
# unless a single suppression covers all of its new fields. Each structure thus
# has one suppression, with a range of its own for each field.
accepted=$srcdir/abi/accepted
if ! test -f "$accepted"; then
	accepted=$work/none
	: > "$accepted"
fi
# suppressions TREE: as abi/accepted has to have them.
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

# What is left of the reserved words, and a script that takes one for a field.
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
tap "a field that takes a reserved word passes" field_fits
if [ "$own" = lp64 ]; then
	tap "abi/accepted has each that was added, and nothing else" \
		is_accepted "$srcdir" "$accepted"
	tap "control: one that it does not have is found" \
		fails is_accepted "$work/fits" "$accepted"
	suppressions "$work/fits" > "$work/more"
	tap "so is one that is not there" \
		fails is_accepted "$srcdir" "$work/more"
else
	tap_skip "abi/accepted has each that was added, and nothing else" \
		"its offsets are those of processors with 64 bits"
fi
tap "control: one in the middle is found" layout_changes middle \
	"s/uint64_t chunks;/uint64_t mutant; &/; s/reserved.$room./$one_less/"
tap "so is a field that is gone" layout_changes renamed \
	's/uint64_t frees;/uint64_t freed;/'
tap "and another type of the same size" layout_changes type \
	's/uint64_t frees;/int64_t frees;/'
tap "and a larger structure" layout_changes larger \
	"s/uint64_t reserved.$room.;/uint64_t mutant; &/"
tap "and a gap" layout_changes gap \
	"s/uint64_t reserved.$room.;/uint32_t mutant; uint64_t $one_less;/"

# ---- Nodes of the version script ------------------------------------------

sed -n "s/.*<elf-symbol name='\([^']*\)' version='\([^']*\)'.*/\1@\2/p" \
	"$srcdir"/abi/*.abi > "$work/old"
release=$(sed -n 's/^AC_INIT(\[secmalloc\], \[\(.*\)\.[0-9]*\])$/\1/p' \
	"$srcdir/configure.ac")
# nodes_stay MAP RELEASE: all that the last release had is in the node where it
# was, and all that was added since is in that of RELEASE.
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
# A release that may add functions: this one, unless its ABI is stored already.
next=$release
! grep -q "@SECMALLOC_$release\$" "$work/old" || next=1.99
# added_to NODE
added_to() {
	map_with secmalloc_mutant "$1" > "$work/mutant.map"
	nodes_stay "$work/mutant.map" "$next"
}
tap "names stay in their nodes, and new ones are in that of $release" \
	nodes_stay "$srcdir/lib/secmalloc.map" "$release"
tap "one that is added to the node of a new release passes" \
	added_to "SECMALLOC_$next"
tap "control: one that is added to an old node is found" \
	fails added_to SECMALLOC_1.0
tap "so is one in the node of another release" fails added_to SECMALLOC_1.98

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
# The new function returns what no other returns, or the compiler could fold two
# functions into one.
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
		"it was built without debugging information; see the next"
fi
tap "so has a copy with debugging information" copy_keeps_abi
tap "control: a function that is removed is found" removal_is_found
tap "so is a parameter of another type" is_found parameter \
	's/secmalloc_verify(unsigned checks)/secmalloc_verify(long checks)/' \
	include/secmalloc.h lib/api/api.c
tap "and a field in the place of reserved ones" \
	is_found reserve "$take_one" include/secmalloc.h
tap "which abi/accepted can let pass" field_is_accepted
tap "a function that is added is reported, and passes" addition_is_reported
tap_done
