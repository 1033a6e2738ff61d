#!/bin/sh
# Results of a test script, in the Test Anything Protocol. To be sourced.
# SPDX-License-Identifier: ISC

tap_count=0
srcdir=${srcdir:-.}
BUILD_DIR=${BUILD_DIR:-.}

# tap NAME COMMAND...: it passes if the command does. What the command prints
# is shown if it fails.
tap() {
	tap_count=$((tap_count + 1))
	tap_name=$1
	shift
	if tap_output=$("$@" 2>&1); then
		echo "ok $tap_count - $tap_name"
	else
		echo "not ok $tap_count - $tap_name"
		printf '%s\n' "$tap_output" | sed 's/^/# /'
	fi
}

tap_skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

tap_skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# The exit status is 0 whatever failed: the lines tell that.
tap_done() {
	echo "1..$tap_count"
}

# The functions that the public header declares, one a line, sorted.
header_names() {
	tr '\n' ' ' < "$srcdir/include/secmalloc.h" \
		| sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/,,g' \
		| grep -o '\bsec[a-z_]*(' | tr -d '(' | sort -u
}
