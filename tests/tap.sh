#!/bin/sh
# Results of a test script, in the Test Anything Protocol. Source this file.
#
# SPDX-License-Identifier: ISC

tap_count=0
tap_failed=0
srcdir=${srcdir:-.}
BUILD_DIR=${BUILD_DIR:-.}
# In some tests other users read the test's files.
umask 022
# The tests compare messages, and a shell warns about a locale that is not
# installed.
LC_ALL=C
export LC_ALL
unset CDPATH GREP_OPTIONS LANGUAGE POSIXLY_CORRECT

# tap NAME COMMAND...: the test passes if the command succeeds. If it fails, the
# output of the command is shown.
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

# tap_adopt NAME COMMAND...: adopt the results of a command that prints TAP,
# each with NAME in front. It is a failure if the command does not print its
# plan.
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
	test "$tap_plan" = yes || tap "$tap_adopted: it printed its plan" false
}

# The exit status is 0 even if tests failed, because the lines report that.
tap_done() {
	echo "1..$tap_count"
}

# why_not COMMAND...: print in one line why a command does not succeed, or
# nothing if it does. The line distinguishes commands that are absent,
# forbidden, and unknown to the kernel.
why_not() {
	command -v "$1" > /dev/null || {
		echo "$1 is not installed"
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
# as_other COMMAND...: run a command as an ordinary user. Only for root.
as_other() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
# why_not_other PROGRAM: print in one line why root cannot run a program as an
# ordinary user, or nothing if it can. The reason may be a closed directory.
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
# Print why root may not become another user, as in some containers.
why_no_setuid() {
	if [ "$(id -u)" -eq 0 ] && command -v setpriv > /dev/null; then
		why_not setpriv --reuid=65534 --regid=65534 --clear-groups true
	fi
}
# secmalloc_verify() reads core_pattern, which is absent from /proc in some root
# directories.
why_no_core_pattern() {
	cat /proc/sys/kernel/core_pattern > /dev/null 2>&1 \
		|| echo "cannot read /proc/sys/kernel/core_pattern"
}

# keyd has threads, and each of them needs addresses for a stack.
why_few_addresses() {
	# shellcheck disable=SC3045 # dash, bash and busybox have it
	addresses=$(ulimit -v)
	test "$addresses" = unlimited || test "$addresses" -ge 524288 \
		|| echo "no more than $addresses KiB may be mapped (RLIMIT_AS)"
}

# Create a directory, $work.
make_work() {
	work=$(mktemp -d 2>&1) \
		|| tap_skip_all "cannot write in ${TMPDIR:-/tmp}: ${work##*: }"
}

# Print why no program in $work can be run, as where /tmp is mounted noexec.
why_no_exec() {
	printf '#!/bin/sh\n' > "$work/exec" && chmod +x "$work/exec"
	"$work/exec" 2> /dev/null || echo "no program in $work can be run"
}

# Create $work for a suite that runs programs which it creates there.
make_work_to_run() {
	make_work
	missing=$(why_no_exec)
	test -z "$missing" || {
		rm -rf "$work"
		tap_skip_all "$missing"
	}
}

# Print why make cannot install from the build directory, for example because
# another user owns it.
why_no_install() {
	test -w "$BUILD_DIR" || echo "cannot write in $BUILD_DIR"
}

# Whether the build has sanitizers. Then no memory is locked.
is_sanitized() { grep -q 'SECMALLOC_SANITIZED 1' "$BUILD_DIR/config.h"; }

machine_lock_file() {
	if test -r /proc/sys/kernel/core_pattern; then
		echo /proc/sys/kernel/core_pattern
	else
		echo /
	fi
}

# machine_lock_command -s|-x: print the words that run a command with that lock,
# for a script that needs it only for a moment.
machine_lock_command() {
	tap_lock=$(machine_lock_file)
	! flock -o "$1" "$tap_lock" true 2> /dev/null \
		|| echo "flock -o $1 $tap_lock"
}

# machine_lock -s|-x: run the script again from its beginning, with the lock of
# tests/machine.h, shared or exclusive. flock(1) holds the lock, so a daemon
# that the script leaves behind does not hold it.
machine_lock() {
	test -z "${TAP_LOCKED:-}" || return 0
	tap_lock=$(machine_lock_file)
	TAP_LOCKED=1
	export TAP_LOCKED
	if flock -o "$1" "$tap_lock" true 2> /dev/null; then
		exec flock -o "$1" "$tap_lock" sh "$0"
	fi
	echo "# not locked: there is no flock(1) with the option -o"
}

# A program that spins uses CPU time, so a limit on CPU time ends it, and a busy
# machine does not make it reach that limit sooner. A program that waits uses no
# CPU time, so only a limit on the time of day ends it. The limits of bounded()
# and await() are so generous that only a hang reaches them.

# limit_cpu SECONDS: limit the CPU time of each process that is started from now
# on.
limit_cpu() {
	# shellcheck disable=SC3045 # dash, bash and busybox have it
	ulimit -S -t "$1"
}
# bounded SECONDS COMMAND...: run a program with this limit on its CPU time.
bounded() {
	(
		limit_cpu "$1" || exit
		shift
		exec timeout 600 "$@"
	)
}
# await COMMAND...: repeat the command until it succeeds, for at most two
# minutes.
await() {
	await_until=$(($(date +%s) + 120))
	until "$@"; do
		test "$(date +%s)" -lt "$await_until" || return 1
		sleep 0.05
	done
}
# has_ended PID: a child that has ended is a zombie until it is waited for.
has_ended() {
	! grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status"
}

# Print the functions that the public header declares, sorted, one per line.
header_names() {
	tr '\n' ' ' < "$srcdir/include/secmalloc.h" \
		| sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/,,g' \
		| grep -o '\bsec[a-z0-9_]*(' | tr -d '(' | sort -u
}

# map_names MAP: print the symbols of a version script as NAME@NODE, sorted, one
# per line.
map_names() {
	awk '/ [{]$/ { node = $1 }
		/:$/ { global = $1 == "global:" }
		/^[}]/ { global = 0 }
		global && /^\t/ { sub(/;.*/, ""); print $1 "@" node }' \
		"$1" | LC_ALL=C sort
}
# map_with NAME NODE: print the library's version script with one more name. If
# the node does not exist, it is added at the end.
map_with() {
	awk -v name="$1" -v node="$2" '
		/ [{]$/ { last = $1 }
		{ print }
		/^global:/ && last == node { print "\t" name ";"; found = 1 }
		END { if (!found) printf "\n%s {\nglobal:\n\t%s;\n} %s;\n",
			node, name, last }' "$srcdir/lib/secmalloc.map"
}

# list_tree FILE: write to FILE the names of the files that git tracks, or would
# track. The script is skipped in a tarball, where these files cannot be
# distinguished from those that a build creates.
list_tree() {
	git -C "$srcdir" ls-files --error-unmatch README.md \
		> /dev/null 2>&1 || tap_skip_all "git has no list of the sources"
	git -C "$srcdir" ls-files --cached --others --exclude-standard \
		| while read -r tree_file; do
			test ! -f "$srcdir/$tree_file" || echo "$tree_file"
		done > "$1"
}
