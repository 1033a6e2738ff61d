#!/bin/sh
# Each word in the README's table of allocators is what that allocator did here.
# Each figure in the table is in doc/PERFORMANCE.md.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

readme=$srcdir/README.md
figures=$srcdir/doc/PERFORMANCE.md
is_sanitized && tap_skip_all "needs a build without sanitizers"
peers="secmalloc libsodium openssl libgcrypt botan"

# cell FILE ROW COLUMN: print a cell of the table that has both the row and the
# column. The case of the column's name is ignored.
cell() {
	awk -F '|' -v row="$2" -v column="$3" '
	function text(s) { gsub(/^[ *]+|[ *]+$/, "", s); return s }
	!/^\|/ { at = 0 }
	/^\|/ && !at {
		for (i = 3; i < NF; i++)
			if (tolower(text($i)) == column) at = i
	}
	at && text($2) == row { print text($at); exit }' "$1"
}

# ---- Behaviour ------------------------------------------------------------

as_ordinary=
test "$(id -u)" -ne 0 \
	|| as_ordinary="setpriv --reuid=65534 --regid=65534 --clear-groups"
# answer PEER QUESTION [LIMIT]: with a limit, ask as an ordinary user who has
# that limit.
answer() {
	set -- "$BUILD_DIR/tests/peers_$1" "$2" ${3:+"$3"}
	if [ $# -eq 3 ]; then
		# shellcheck disable=SC2086 # words
		bounded 30 $as_ordinary prlimit --memlock="$3" "$1" "$2"
	else
		bounded 30 "$@"
	fi 2> /dev/null
}
# Print why a peer is not asked, if it is not. The table is about certain
# versions, and other versions may behave differently.
why_not_asked() {
	test -x "$BUILD_DIR/tests/peers_$1" || {
		echo "configure did not find $1"
		return
	}
	case $1 in
	secmalloc) return ;;
	libsodium) module=libsodium ;;
	openssl) module=libcrypto ;;
	libgcrypt) module=libgcrypt ;;
	botan) module=botan-2 ;;
	esac
	here=$(pkg-config --modversion "$module")
	of=$(tr '\n' ' ' < "$readme" | sed 's/.*compares the answer[^(]*(//' \
		| sed 's/).*//' | tr ',' '\n' | tr '[:upper:]' '[:lower:]' \
		| sed -n "s/^ *$1 //p")
	case $here in
	"$of" | "$of".*) test -n "$of" || echo "README: no version" ;;
	*) echo "the README is about $of, and $here is installed" ;;
	esac
}
# agrees ROW PEER QUESTION [LIMIT]
agrees() {
	says=$(cell "$readme" "$1" "$2")
	shift
	does=$(answer "$@")
	echo "README: $says; $1: $does"
	test -n "$does" && test "$says" = "$does"
}
# ask ROW QUESTION [LIMIT]: ask each allocator that is installed.
ask() {
	row=$1
	shift
	for peer in $peers; do
		if [ $# -eq 2 ] && [ "$may" != yes ]; then
			tap_skip "$row: $peer" "$may"
		elif reason=$(why_not_asked "$peer") && [ -n "$reason" ]; then
			tap_skip "$row: $peer" "$reason"
		else
			tap "$row: $peer" agrees "$row" "$peer" "$@"
		fi
	done
}
# The README has its footnote exactly if a write of NUL goes unnoticed.
footnote_is_true() {
	awk -F '|' '$2 ~ /a write past the end/ { print $3 }' "$readme" \
		| grep 'fatal\*' && grep '^\\\* .*NUL' "$readme"
	noted=$?
	does=$(answer secmalloc terminator)
	echo "a NUL past the end: $does"
	case $does in
	unnoticed) test $noted -eq 0 ;;
	*) test "$does" = fatal && test $noted -ne 0 ;;
	esac
}
sees_no_footnote() {
	sed 's/^\\\* .*//' "$readme" > "$work/README.md"
	readme=$work/README.md
	! footnote_is_true
}
sees_a_lie() {
	sed 's/| a chunk is locked | yes/| a chunk is locked | no/' \
		"$readme" > "$work/README.md"
	readme=$work/README.md
	! agrees "a chunk is locked" secmalloc locked
}

make_work
trap 'rm -rf "$work"' EXIT
# Other users may not be allowed to enter the build directory.
may=$(test -z "$as_ordinary" || why_not_other "$BUILD_DIR/tests/peers_secmalloc")
may=${may:-yes}
# shellcheck disable=SC2086 # words
[ "$may" != yes ] || $as_ordinary prlimit --memlock=65536 \
	"$BUILD_DIR/tests/peers_secmalloc" locked 2> /dev/null | grep -q yes \
	|| may="an ordinary user cannot lock memory here"
ask "a chunk is locked" locked
ask "a chunk is left out of core dumps" dumps
ask "when nothing may be locked" full 0
ask "when the lock limit is used up" full 65536
ask "guard pages surround" guards
ask "a write past the end, then free" overflow
tap "a NUL past the end behaves as the README's footnote says" footnote_is_true
tap "control: a missing footnote is detected" sees_no_footnote
ask "a write before the start, then free" underflow
ask "wiped when freed" wiped
ask "a child of fork() has" fork
tap "control: a wrong cell is detected" sees_a_lie

# ---- Costs ----------------------------------------------------------------

# published ROW OF_TABLE: the figures are those of doc/PERFORMANCE.md.
published() {
	for peer in $peers; do
		says=$(cell "$readme" "$1" "$peer")
		is=$(cell "$figures" "$2" "$peer")
		echo "$peer: $says; PERFORMANCE.md: $is"
		test -n "$is" && test "$says" = "$is" || return 1
	done
}
tap "the numbers of keys in a lock limit are those of PERFORMANCE.md" \
	published "keys of 32 bytes in a lock limit of 64 KiB" 64-32
tap "the times of a pair are those of PERFORMANCE.md" \
	published "ns for an allocation of 32 bytes and its free" 32
tap "the times with 10,000 live chunks are those of PERFORMANCE.md" \
	published "ns to replace one of 10,000 live chunks" 10000
tap_done
