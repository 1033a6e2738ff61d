#!/bin/sh
# Results of a test script, in the Test Anything Protocol. To be sourced.
# SPDX-License-Identifier: ISC

tap_count=0
tap_failed=0
srcdir=${srcdir:-.}
BUILD_DIR=${BUILD_DIR:-.}
# Some tests have other users read their files.
umask 022
# The tests compare words; and a shell warns of a locale that is not installed.
LC_ALL=C
export LC_ALL
unset CDPATH GREP_OPTIONS LANGUAGE POSIXLY_CORRECT

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

# why_not COMMAND...: why a command does not succeed, in a line; nothing if it
# does. One that is absent is told from one that is forbidden, and that from one
# that the kernel does not know.
why_not() {
	command -v "$1" > /dev/null || {
		echo "no $1"
		return
	}
	reason=$("$@" 2>&1 > /dev/null) && return
	reason=$(echo "$reason" | head -n 1)
	case $reason in
	*"not permitted"* | *denied* | *"No space left"*)
		echo "$1 is not allowed here (${reason##*: })" ;;
	*"not implemented"* | *"Invalid argument"*)
		echo "this kernel cannot do what $1 asks (${reason##*: })" ;;
	*) echo "$1 does not work here (${reason##*: })" ;;
	esac
}
# as_other COMMAND...: by root, as an ordinary user.
as_other() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
# why_not_other PROGRAM: why root cannot run it as an ordinary user, in a line;
# nothing if it can. A directory may be closed.
why_not_other() {
	reason=$(why_not setpriv --reuid=65534 --regid=65534 --clear-groups \
		true)
	test -z "$reason" || {
		echo "$reason"
		return
	}
	as_other test -x "$1" && return
	at=$1 closed=$1
	while at=${at%/*} && test -n "$at"; do
		as_other test -x "$at" || closed=$at
	done
	echo "$closed is closed to other users"
}
# Why root may not become another user, as in some containers.
why_no_setuid() {
	if [ "$(id -u)" -eq 0 ] && command -v setpriv > /dev/null; then
		why_not setpriv --reuid=65534 --regid=65534 --clear-groups true
	fi
}
# secmalloc_verify() reads it. Some root directories have a /proc without it.
why_no_core_pattern() {
	cat /proc/sys/kernel/core_pattern > /dev/null 2>&1 \
		|| echo "cannot read /proc/sys/kernel/core_pattern"
}

# keyd has threads, each with a stack.
why_few_addresses() {
	# shellcheck disable=SC3045 # dash, bash and busybox have it
	addresses=$(ulimit -v)
	test "$addresses" = unlimited || test "$addresses" -ge 524288 \
		|| echo "no more than $addresses KiB may be mapped (RLIMIT_AS)"
}

# Make a directory, $work.
make_work() {
	work=$(mktemp -d 2>&1) \
		|| tap_skip_all "cannot write in ${TMPDIR:-/tmp}: ${work##*: }"
}

# Why no program in $work can be run, as where /tmp is mounted noexec.
why_no_exec() {
	printf '#!/bin/sh\n' > "$work/exec" && chmod +x "$work/exec"
	"$work/exec" 2> /dev/null || echo "no program in $work can be run"
}

# The same for a suite that runs what it makes there.
make_work_to_run() {
	make_work
	missing=$(why_no_exec)
	test -z "$missing" || {
		rm -rf "$work"
		tap_skip_all "$missing"
	}
}

# Why make cannot install from the build directory, as when another user owns it.
why_no_install() {
	test -w "$BUILD_DIR" || echo "cannot write in $BUILD_DIR"
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

# A program that spins uses CPU time, and is ended by a limit on that, which it
# reaches no sooner on a busy machine. A program that waits uses none: only a
# limit on the time of day ends it, and the limits of bounded() and await() are
# so generous that nothing but a hang reaches them.

# limit_cpu SECONDS: of each process that is begun from now on.
limit_cpu() {
	# shellcheck disable=SC3045 # dash, bash and busybox have it
	ulimit -S -t "$1"
}
# bounded SECONDS COMMAND...: a program, with that limit on its CPU time.
bounded() {
	(
		limit_cpu "$1" || exit
		shift
		exec timeout 600 "$@"
	)
}
# await COMMAND...: until it succeeds, or for two minutes.
await() {
	await_until=$(($(date +%s) + 120))
	until "$@"; do
		test "$(date +%s)" -lt "$await_until" || return 1
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
		| grep -o '\bsec[a-z0-9_]*(' | tr -d '(' | sort -u
}

# map_names MAP: what a version script exports, one NAME@NODE a line, sorted.
map_names() {
	awk '/ [{]$/ { node = $1 }
		/:$/ { global = $1 == "global:" }
		/^[}]/ { global = 0 }
		global && /^\t/ { sub(/;.*/, ""); print $1 "@" node }' \
		"$1" | LC_ALL=C sort
}
# map_with NAME NODE: the library's version script with one more name, in a node
# that is added at its end if it is not there.
map_with() {
	awk -v name="$1" -v node="$2" '
		/ [{]$/ { last = $1 }
		{ print }
		/^global:/ && last == node { print "\t" name ";"; found = 1 }
		END { if (!found) printf "\n%s {\nglobal:\n\t%s;\n} %s;\n",
			node, name, last }' "$srcdir/lib/secmalloc.map"
}

# list_tree FILE: write to it the files that git keeps of the tree, or would keep.
# In a tarball they cannot be told from what a build makes: the script is skipped.
list_tree() {
	git -C "$srcdir" ls-files --error-unmatch README.md \
		> /dev/null 2>&1 || tap_skip_all "git has no list of the sources"
	git -C "$srcdir" ls-files --cached --others --exclude-standard \
		| while read -r tree_file; do
			test ! -f "$srcdir/$tree_file" || echo "$tree_file"
		done > "$1"
}
