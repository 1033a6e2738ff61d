#!/bin/sh
# examples/keyd.service: systemd accepts the unit, and keyd knows its options.
# keyd works with the limits, capabilities and system calls that the unit leaves
# it.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

# The program itself, not libtool's wrapper, which is a shell that makes system
# calls of its own.
in_build() { "$BUILD_DIR/libtool" --mode=execute "$@"; }
keyd=$BUILD_DIR/examples/keyd
unit=$srcdir/examples/keyd.service
is_sanitized && tap_skip_all "needs a build without sanitizers"
test -x "$keyd" || tap_skip_all "libsodium was not found by configure"
# keyd reads core_pattern.
machine_lock -s
LD_LIBRARY_PATH=$(in_build sh -c 'echo "$LD_LIBRARY_PATH"' "$keyd")
export LD_LIBRARY_PATH
keyd=$(in_build echo "$keyd")
make_work
pid=''
trap 'test -z "$pid" || kill -KILL "$pid" 2> /dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
chmod 711 "$work"
mkdir "$work/run"

# says NAME: print the value of a setting in the unit.
says() { sed -n "s/^$1=//p" "$unit"; }
limit=$(says LimitMEMLOCK)
# The options of ExecStart, with the paths and the user of this test.
options=$(says ExecStart | sed -e 's/^[^ ]* //' \
	-e "s,/etc/keyd/key.pem,$work/key.pem," \
	-e "s,/run/keyd/socket,$work/run/socket," \
	-e 's/--user keyd/--user nobody/')

# ---- The unit and systemd -------------------------------------------------

# Copy the unit with the path of the program in the build, because it is not
# installed.
copy_unit() {
	mkdir -p "$work/unit"
	sed -e "s,^ExecStart=[^ ]*,ExecStart=$keyd," "$@" "$unit" \
		> "$work/unit/keyd.service"
}
is_understood() {
	systemd-analyze verify --man=no "$work/unit/keyd.service" \
		> "$work/verify" 2>&1
	result=$?
	cat "$work/verify"
	test "$result" -eq 0 && test ! -s "$work/verify"
}
is_understood_as_it_is() { copy_unit && is_understood; }
sees_a_mistake() {
	copy_unit -e 's/^LimitMEMLOCK=/LimitMEMLOK=/' && ! is_understood
}
is_closed() {
	systemd-analyze security --offline=yes --threshold=20 --no-pager \
		"$work/unit/keyd.service"
}
sees_an_open_one() {
	copy_unit -e '/^SystemCallFilter\|^Capab/d' && ! is_closed
}

if command -v systemd-analyze > /dev/null; then
	tap "systemd accepts the unit" is_understood_as_it_is
	if systemd-analyze --help | grep -q -e --threshold; then
		tap "systemd rates the unit as well confined" is_closed
		tap "control: a unit that is less confined is detected" \
			sees_an_open_one
	else
		tap_skip "systemd rates the unit as well confined" \
			"systemd-analyze is too old"
	fi
	tap "control: a misspelt setting is detected" sees_a_mistake
else
	tap_skip "systemd accepts the unit" "systemd-analyze is not installed"
fi

# ---- The unit and keyd ----------------------------------------------------

knows_options() {
	"$keyd" --help > "$work/help" || return 1
	for word in $options; do
		case $word in --*) ;; *) continue ;; esac
		echo "$word"
		grep -q "^  $word " "$work/help" || return 1
	done
}
is_up() { has_ended "$pid" || grep -q '^keyd: ready: ' "$work/log"; }
# start LIMIT COMMAND...: run keyd with the unit's limits and capabilities,
# through that command, in the namespaces of $around, if any.
around=
capabilities=-all,$(says CapabilityBoundingSet | tr 'A-Z ' 'a-z,' \
	| sed 's/cap_/+/g')
start() {
	lock=$1
	shift
	: > "$work/log"
	# shellcheck disable=SC2086 # words
	${around:+"$work/$around"} setpriv --no-new-privs \
		--bounding-set="$capabilities" \
		prlimit --memlock="$lock" --core="$(says LimitCORE)" \
		"$@" "$keyd" $options 2> "$work/log" &
	pid=$!
	await is_up
	cat "$work/log"
	grep -q '^keyd: ready: ' "$work/log"
}
# Print the pid of keyd, which may be a child of the process that created its
# namespaces.
daemon() {
	child=$(cat "/proc/$pid/task/$pid/children")
	echo "${child:-$pid}" | tr -d ' '
}
stop() {
	kill -TERM "$(daemon)" && await has_ended "$pid" && wait "$pid"
}
signs() {
	bounded 20 "$BUILD_DIR/examples/keyd-client" \
		--socket "$work/run/socket" --pubkey "$work/pub.pem" \
		--count 200 --clients 20
}
has_locked() {
	locked=$(awk '/^VmLck:/ { print $2 * 1024 }' "/proc/$(daemon)/status")
	echo "$locked of $limit bytes"
	test "$locked" -eq "$limit"
}
works() {
	start "$limit" "$@" || return 1
	signs && has_locked
	result=$?
	stop && test "$result" -eq 0
}
# The message of the library names the limit that the unit has.
needs_limit() {
	! start "$((limit - 64 * 1024))" && wait "$pid"
	test $? -eq 1 || return 1
	grep -q "LimitMEMLOCK=$limit " "$work/log"
}
# Write a program that makes the file system read-only except for the socket's
# directory, hides other processes and removes the network.
make_namespaces() {
	cat > "$work/shut_in" <<-END
	#!/bin/sh
	exec unshare --mount --net --pid --fork --kill-child sh -c '
		mount --make-rprivate / && mount --bind "\$0" "\$0" \
		&& mount -o remount,bind,ro / \
		&& mount -t proc -o hidepid=invisible proc /proc \
		&& exec "\$@"' "$work/run" "\$@"
	END
	chmod +x "$work/shut_in"
}
works_shut_in() {
	around=shut_in
	works
}

# ---- The filter of system calls -------------------------------------------

# Print the system calls that the unit allows, with sets replaced by their
# members.
allowed_names() {
	says SystemCallFilter | tr ' ' '\n' > "$work/sets"
	while grep -q '^@' "$work/sets"; do
		while read -r word; do
			case $word in
			@*) systemd-analyze syscall-filter "$word" \
				| sed -e 1d -e '/#/d' -e 's/ //g' ;;
			*) echo "$word" ;;
			esac
		done < "$work/sets" > "$work/names"
		mv "$work/names" "$work/sets"
	done
	sort -u "$work/sets"
}
# make_filter NAME: build only_calls with every allowed call except NAME.
make_filter() {
	allowed_names | grep -vx "$1" | sed 's/.*/#ifdef __NR_&\
__NR_&,\
#endif/' > "$work/calls.h"
	test "$(wc -l < "$work/calls.h")" -gt 300 \
		&& ${CC:-cc} -I "$work" -o "$work/only_calls" \
			"$srcdir/tests/only_calls.c"
}
works_filtered() {
	make_filter none && works "$work/only_calls"
}
needs_call() {
	make_filter "$1" && ! start "$limit" "$work/only_calls" || return 1
	wait "$pid"
	result=$?
	echo "exit status $result"
	test "$(kill -l "$result")" = SYS
}

tap "keyd knows the options of ExecStart" knows_options
openssl genpkey -algorithm ed25519 -out "$work/key.pem"
chmod 600 "$work/key.pem"
openssl pkey -in "$work/key.pem" -pubout -out "$work/pub.pem"
if [ "$(id -u)" -ne 0 ]; then
	tap_skip "keyd works within the limits of the unit" "needs root"
elif missing=$(why_not setpriv --bounding-set="$capabilities" true
	case $work in *" "*) echo "there is a space in $work" ;; esac
	why_no_setuid
	why_no_exec
	why_no_core_pattern
	why_few_addresses) && [ -n "$missing" ]; then
	tap_skip "keyd works within the limits of the unit" \
		"$(echo "$missing" | head -n 1)"
elif [ "$(getconf PAGESIZE)" -ne 4096 ]; then
	tap_skip "keyd works within the limits of the unit" \
		"LimitMEMLOCK is for pages of 4 KiB"
else
	tap "keyd signs with the unit's limits and capabilities" works
	tap "with one pool less keyd's message names the unit's LimitMEMLOCK" \
		needs_limit
	make_namespaces
	missing=$(why_not unshare --mount --net --pid --fork true)
	if [ -z "$missing" ]; then
		tap "keyd signs in namespaces like the unit's" works_shut_in
	else
		tap_skip "keyd signs in namespaces like the unit's" "$missing"
	fi
	if command -v systemd-analyze > /dev/null; then
		tap "keyd signs with only the unit's system calls" \
			works_filtered
		for call in mlock setresuid membarrier umask; do
			tap "control: without $call keyd is killed" \
				needs_call "$call"
		done
	else
		tap_skip "keyd signs with only the unit's system calls" \
			"systemd-analyze, which lists them, is not installed"
	fi
fi
tap_done
