#!/bin/sh
# examples/privdrop: what the daemon has locked and given up, and its messages
# when it does not start.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

is_sanitized && tap_skip_all "needs a build without sanitizers"
program=$BUILD_DIR/examples/privdrop
# The program reads core_pattern.
machine_lock -s
make_work
pid=''
trap 'test -z "$pid" || kill -KILL "$pid"; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
key=$work/key
(umask 077 && head -c 32 /dev/urandom > "$key")

# Find the daemon by the name of the key in its command line, because it is not
# our child. The command line of grep does not contain that name.
find_daemon() {
	# shellcheck disable=SC2062 # these are files, not a pattern
	echo "$key" | grep -slzxF -f - /proc/[0-9]*/cmdline | tr -dc '0-9\n'
}
is_gone() { test -z "$(find_daemon)"; }
# ends STATUS WORDS COMMAND...: the command ends with this exit status and
# message, and leaves no daemon behind.
ends() {
	status=0 expected=$1 words=$2
	shift 2
	bounded 20 "$@" > "$work/said" 2>&1 || status=$?
	await is_gone || return 1
	echo "$status: $(cat "$work/said")"
	test "$status" -eq "$expected" && grep -q -e "$words" "$work/said"
}
field() {
	awk -v name="$1:" '$1 == name { $1 = ""; print substr($0, 2) }' \
		"/proc/$pid/status"
}
# field_is NAME TEXT: compare a field, ignoring spaces at its end.
field_is() {
	echo "$1: $(field "$1")"
	test "$(field "$1" | sed 's/ *$//')" = "$2"
}

# Start in groups that the daemon has to give up, if setpriv is installed.
with_groups=
! command -v setpriv > /dev/null || with_groups="setpriv --groups=0,1"
# When the daemon serves, its standard streams are no longer those that it was
# started with.
serves() {
	pid=$(find_daemon)
	test -n "$pid" || return 1
	for fd in 0 1 2; do
		test "$(readlink "/proc/$pid/fd/$fd")" = /dev/null || return 1
	done
}
serves_or_is_gone() { serves || is_gone; }
starts() {
	# shellcheck disable=SC2086 # words
	bounded 20 $with_groups "$program" nobody "$key" \
		< "$srcdir/tests/tap.sh" > "$work/said" 2>&1 || return 1
	await serves_or_is_gone
	serves
	result=$?
	cat "$work/said"
	test "$result" -eq 0 && test ! -s "$work/said"
}
is_nobody() {
	user=$(id -u nobody) group=$(id -g nobody)
	field_is Uid "$user $user $user $user" \
		&& field_is Gid "$group $group $group $group" \
		&& field_is Groups ""
}
has_no_capabilities() {
	for set in CapInh CapPrm CapEff CapAmb; do
		field_is "$set" 0000000000000000 || return 1
	done
	field_is NoNewPrivs 1
}
# The size of a pool, which has 16 pages, and of the page of the canary key.
pool_and_page() { echo "$(($(getconf PAGESIZE) * 17))"; }
has_locked() { field_is VmLck "$(($(pool_and_page) / 1024)) kB"; }
is_not_dumped() {
	awk '/^VmFlags:/ && / lo( |$)/ { n++; bad += !/ dd( |$)/ }
		END { print n + 0, bad + 0; exit !(n && !bad) }' \
		"/proc/$pid/smaps" || return 1
	limit=$(awk '/^Max core file size/ { print $5 }' "/proc/$pid/limits")
	echo "core limit: $limit"
	test "$limit" -le 1
}
is_detached() {
	test "$(readlink "/proc/$pid/cwd")" = / || return 1
	# The file of the key is closed, and the daemon has its own session.
	! find "/proc/$pid/fd" -lname "$key" | grep . \
		&& test "$(awk '{ print $6 }' "/proc/$pid/stat")" = "$pid"
}
# Write the same 32 bytes as a key in a format that find-key knows.
key_is_locked_only() {
	{
		echo "-----BEGIN PRIVATE KEY-----"
		{
			printf '\060\056\002\001\000\060\005\006'
			printf '\003\053\145\160\004\042\004\040'
			cat "$key"
		} | openssl base64
		echo "-----END PRIVATE KEY-----"
	} > "$work/pem"
	"$BUILD_DIR/examples/find-key" "$pid" "$work/pem"
}
ends_on_term() { kill -TERM "$pid" && await is_gone; }

# ends_wiped WORDS ARGUMENTS...: the program ends with this message after it has
# called secmalloc_fini(). A library that is loaded first reports that call.
build_witness() {
	cat > "$work/witness.c" << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
void secmalloc_fini(void);
void secmalloc_fini(void)
{
	void (*fini)(void) = (void (*)(void))dlsym(RTLD_NEXT, "secmalloc_fini");

	if (fini != NULL && write(2, "wiped\n", 6) == 6)
		fini();
}
END
	${CC:-cc} -shared -fPIC -o "$work/witness.so" "$work/witness.c" -ldl
}
ends_wiped() {
	words=$1
	shift
	bounded 20 env LD_PRELOAD="$work/witness.so" "$program" "$@" \
		> "$work/said" 2>&1 || true
	await is_gone || return 1
	cat "$work/said"
	grep -q -e "$words" "$work/said" && grep -qx wiped "$work/said"
}

is_small() { test "$(wc -l < "$srcdir/examples/privdrop.c")" -le 60; }
try_as_root() {
	tap "the daemon starts as root and prints nothing" starts
	pid=$(find_daemon)
	if [ -n "$pid" ]; then
		tap "the daemon runs as nobody, in no other group" is_nobody
		tap "the daemon has no capability, and gets none from execve" \
			has_no_capabilities
		tap "the daemon has locked a pool and the page of the canary key" \
			has_locked
		tap "locked memory is excluded from dumps, and there are no dumps" \
			is_not_dumped
		tap "the daemon is in the background and has closed the key file" \
			is_detached
		if [ -x "$BUILD_DIR/examples/find-key" ]; then
			tap "the daemon has the key in locked memory only" \
				key_is_locked_only
		else
			tap_skip "the daemon has the key in locked memory only" \
				"find-key was not built, because libsodium is absent"
		fi
		tap "SIGTERM ends the daemon" ends_on_term
		pid=$(find_daemon)
	fi
	head -c 31 "$key" > "$work/short"
	tap "a key that is too short is refused" ends 1 "no key of 32 bytes" \
		"$program" nobody "$work/short"
	tap "a key that does not exist is refused" ends 1 "No such file" \
		"$program" nobody "$work/none"
	missing=$(why_no_exec)
	if [ -n "$missing" ]; then
		tap_skip "the key is wiped when the start fails" "$missing"
	elif ldd "$program" 2> /dev/null | grep -q libsecmalloc \
		|| head -c 2 "$program" | grep -q '#!' && build_witness; then
		tap "a key that is too short is wiped before the exit" \
			ends_wiped "no key of 32 bytes" nobody "$work/short"
		tap "the key is wiped when the daemon fails to verify itself" \
			ends_wiped "secmalloc_verify: " root "$key"
	else
		tap_skip "the key is wiped when the start fails" \
			"no library can be loaded before a static one"
	fi
	tap "the user root is refused" ends 0 "secmalloc_verify: .*uid" \
		"$program" root "$key"
	missing=$(why_not setpriv --securebits=+no_setuid_fixup true)
	if [ -n "$missing" ]; then
		tap_skip "capabilities that are kept and a low lock limit are refused" \
			"$missing"
		return
	fi
	tap "capabilities that are kept cause a message and no daemon" \
		ends 0 "are still permitted: drop them" \
		setpriv --securebits=+no_setuid_fixup "$program" nobody "$key"
	# The last pool may be smaller, but not smaller than a page.
	page=$(getconf PAGESIZE)
	tap "with a low lock limit the message names the limit it needs" \
		ends 1 \
		"RLIMIT_MEMLOCK is $page .*LimitMEMLOCK=$(pool_and_page)[^0-9]" \
		setpriv --bounding-set=-ipc_lock prlimit --memlock="$page" \
		"$program" nobody "$key"
	tap "control: with that limit the arena is created" ends 1 "no key of" \
		setpriv --bounding-set=-ipc_lock prlimit \
		--memlock="$(pool_and_page)" "$program" nobody "$work/short"
}

tap "the example has at most 60 lines" is_small
tap "without arguments the usage is printed" ends 2 "usage: privdrop" "$program"
tap "an unknown user is refused" ends 2 "where USER exists" \
	"$program" no-such-user "$key"
if [ "$(id -u)" -eq 0 ]; then
	missing=$(why_no_setuid; why_no_core_pattern)
	if [ -z "$missing" ]; then
		try_as_root
	else
		tap_skip "the daemon locks its memory and gives up its privileges" \
			"$(echo "$missing" | head -n 1)"
	fi
	missing=$(why_not_other "$program")
	if [ -z "$missing" ]; then
		tap "an ordinary user is told to start it as root" ends 1 \
			"start as root" setpriv --reuid=65534 \
			--regid=65534 --clear-groups "$program" nobody "$key"
	else
		tap_skip "an ordinary user is told to start it as root" \
			"$missing"
	fi
else
	tap_skip "the daemon locks its memory and gives up its privileges" \
		"needs root"
	tap "an ordinary user is told to start it as root" \
		ends 1 "start as root" \
		"$program" nobody "$key"
fi
tap_done
