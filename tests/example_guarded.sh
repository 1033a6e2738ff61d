#!/bin/sh
# examples/guarded does what the comment at its top says.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

is_sanitized && tap_skip_all "needs a build without sanitizers"
program=$BUILD_DIR/examples/guarded
"$program" > /dev/null 2>&1 || {
	"$program" 2>&1 | grep -q 'LimitMEMLOCK' \
		&& tap_skip_all "no memory can be locked"
}

signs() { "$program" | grep -q '^signed with a key'; }
# dies MISDEED WORDS: the example ends by SIGSEGV, which a shell reports as 139,
# after a line with these words.
dies() {
	status=0
	line=$("$program" "$1" 2>&1) || status=$?
	echo "$status: $line"
	test "$status" -eq 139 || return 1
	echo "$line" | grep -q "^secmalloc: fault: SIGSEGV at 0x[0-9a-f]*: $2\$"
}

tap "the example signs with its key" signs
tap "an overflow ends it at once, after a line that explains the fault" \
	dies overflow "0 bytes past the end of a guarded chunk of 32 bytes"
tap "reading a closed key ends it at once, after a line that explains it" \
	dies closed "byte 0 of a guarded chunk of 32 bytes, which is closed"
tap_done
