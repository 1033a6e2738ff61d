#!/bin/sh
# examples/keyd.service: systemd understands it, keyd its options, and with the
# limits, the capabilities and the system calls that it leaves, keyd works.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

# Not what libtool wraps it in, which is a shell that makes calls of its own.
in_build() { "$BUILD_DIR/libtool" --mode=execute "$@"; }
keyd=$BUILD_DIR/examples/keyd
unit=$srcdir/examples/keyd.service
is_sanitized && tap_skip_all "needs a build without sanitizers"
test -x "$keyd" || tap_skip_all "libsodium was not found by configure"
# keyd looks at core_pattern.
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

# What the unit says of a name.
says() { sed -n "s/^$1=//p" "$unit"; }
limit=$(says LimitMEMLOCK)
# ExecStart with the places and the user of this test.
options=$(says ExecStart | sed -e 's/^[^ ]* //' \
	-e "s,/etc/keyd/key.pem,$work/key.pem," \
	-e "s,/run/keyd/socket,$work/run/socket," \
	-e 's/--user keyd/--user nobody/')

# ---- What systemd says ----------------------------------------------------

# The program of the unit is not installed here.
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
	tap "systemd understands the unit" is_understood_as_it_is
	if systemd-analyze --help | grep -q -e --threshold; then
		tap "it leaves little open" is_closed
		tap "control: more would be found" sees_an_open_one
	else
		tap_skip "it leaves little open" "systemd-analyze is too old"
	fi
	tap "control: a name that is wrong is found" sees_a_mistake
else
	tap_skip "systemd understands the unit" "no systemd-analyze"
fi

# ---- What keyd says -------------------------------------------------------

knows_options() {
	"$keyd" --help > "$work/help" || return 1
	for word in $options; do
		case $word in --*) ;; *) continue ;; esac
		echo "$word"
		grep -q "^  $word " "$work/help" || return 1
	done
}
is_up() { has_ended "$pid" || grep -q '^keyd: ready: ' "$work/log"; }
# start LIMIT COMMAND...: with the unit's limits and capabilities, in which that
# command runs keyd; all that in the namespaces of $around, if any.
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
# keyd itself may be the child of the one that made its namespaces.
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
# The library names the figure that the unit has.
needs_limit() {
	! start "$((limit - 64 * 1024))" && wait "$pid"
	test $? -eq 1 || return 1
	grep -q "LimitMEMLOCK=$limit " "$work/log"
}
# The file system read-only but for the socket's directory, other processes out
# of sight, and no network.
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

# The names that the unit allows, sets replaced by what they hold.
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
# make_filter NAME: without that call.
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
	tap_skip "it works within what the unit leaves" "needs root"
elif missing=$(why_not setpriv --bounding-set="$capabilities" true
	case $work in *" "*) echo "there is a space in $work" ;; esac
	why_no_setuid
	why_no_exec
	why_no_core_pattern
	why_few_addresses) && [ -n "$missing" ]; then
	tap_skip "it works within what the unit leaves" \
		"$(echo "$missing" | head -n 1)"
elif [ "$(getconf PAGESIZE)" -ne 4096 ]; then
	tap_skip "it works within what the unit leaves" \
		"LimitMEMLOCK is for pages of 4 KiB"
else
	tap "it signs with the unit's limits and capabilities" works
	tap "with a pool less it names the unit's LimitMEMLOCK" needs_limit
	make_namespaces
	missing=$(why_not unshare --mount --net --pid --fork true)
	if [ -z "$missing" ]; then
		tap "it signs in namespaces as the unit's" works_shut_in
	else
		tap_skip "it signs in namespaces as the unit's" "$missing"
	fi
	if command -v systemd-analyze > /dev/null; then
		tap "it signs with the unit's system calls" works_filtered
		for call in mlock setresuid membarrier umask; do
			tap "control: $call is one that it needs" \
				needs_call "$call"
		done
	else
		tap_skip "it signs with the unit's system calls" \
			"no systemd-analyze to say which they are"
	fi
fi
tap_done
