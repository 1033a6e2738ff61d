#!/bin/sh
# Results of a test script, in the Test Anything Protocol. To be sourced.
# SPDX-License-Identifier: ISC

tap_count=0
tap_failed=0
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
		tap_failed=$((tap_failed + 1))
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

# tap_adopt NAME COMMAND...: take over the results of a command that prints TAP,
# each with NAME before its own. That it does not come to its plan is a failure.
tap_adopt() {
	tap_adopted=$1
	shift
	tap_output=$("$@" 2>&1)
	tap_plan=no
	while IFS= read -r tap_line; do
		case $tap_line in
		"ok "* | "not ok "*)
			tap_count=$((tap_count + 1))
			printf '%sok %s - %s: %s\n' "${tap_line%%ok *}" \
				"$tap_count" "$tap_adopted" \
				"${tap_line#*ok [0-9]* - }"
			;;
		1..*) tap_plan=yes ;;
		*) printf '# %s\n' "${tap_line#\# }" ;;
		esac
	done << END
$tap_output
END
	test "$tap_plan" = yes || tap "$tap_adopted: it came to its end" false
}

# The exit status is 0 whatever failed: the lines tell that.
tap_done() {
	echo "1..$tap_count"
}

# Whether the build has sanitizers: then nothing is locked.
is_sanitized() { grep -q 'SECMALLOC_SANITIZED 1' "$BUILD_DIR/config.h"; }

# machine_lock -s|-x: run the script again from its beginning with the lock of
# tests/machine.h, shared or exclusive. flock(1) holds it, so that a daemon which
# the script leaves behind does not.
machine_lock() {
	test -z "${TAP_LOCKED:-}" || return 0
	tap_lock=/proc/sys/kernel/core_pattern
	test -r "$tap_lock" || tap_lock=/
	TAP_LOCKED=1
	export TAP_LOCKED
	if flock -o "$1" "$tap_lock" true 2> /dev/null; then
		exec flock -o "$1" "$tap_lock" sh "$0"
	fi
	echo "# not locked: no flock(1) that knows -o"
}

# await COMMAND...: until it succeeds, for 10 s at most.
await() {
	tries=200
	until "$@"; do
		tries=$((tries - 1))
		test "$tries" -gt 0 || return 1
		sleep 0.05
	done
}
# has_ended PID: a child that has is a zombie until it is waited for.
has_ended() {
	! grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status"
}

# The functions that the public header declares, one a line, sorted.
header_names() {
	tr '\n' ' ' < "$srcdir/include/secmalloc.h" \
		| sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/,,g' \
		| grep -o '\bsec[a-z_]*(' | tr -d '(' | sort -u
}
