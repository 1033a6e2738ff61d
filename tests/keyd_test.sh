#!/bin/sh
# keyd_test - what examples/keyd promises, seen from outside
#
# SPDX-License-Identifier: ISC
#
# Environment: BUILD_DIR (.), where examples/keyd was built. Output: TAP.
set -u
. "${srcdir:-.}/tests/tap.sh"

bin=${BUILD_DIR:-.}/examples
[ -x "$bin/keyd" ] || tap_skip_all "libsodium was not found by configure"
# keyd looks at core_pattern.
machine_lock -s

make_work
dir=$work
# The unprivileged user passes through $dir, and may write in run/ only.
chmod 711 "$dir"
mkdir "$dir/run"
chmod 1777 "$dir/run"
pid='' pids=''
key=$dir/key.pem pub=$dir/pub.pem sock=$dir/run/s log=$dir/log
: > "$dir/logs"

cleanup() {
	for p in $pid $pids; do
		kill -KILL "$p" 2> /dev/null
	done
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# ---- Results ------------------------------------------------------------

# result STATUS DESCRIPTION: the log explains a failure.
result() {
	tap "$2" test "$1" -eq 0
	[ "$1" -eq 0 ] || sed 's/^/# log: /' "$log"
}
is_root() { [ "$(id -u)" -eq 0 ]; }
# 1 MiB, which is more than any keyd here asks for.
may_lock() {
	# shellcheck disable=SC3045 # dash, bash and busybox have it
	is_root || (ulimit -l 1024) 2> /dev/null
}

# ---- Running keyd -------------------------------------------------------

has_line() { grep -qF -- "$1" "$log"; }
is_up() { has_line "keyd: ready: " || has_ended "$pid"; }

unprivileged() {
	if is_root; then
		exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	fi
	exec "$@"
}

# start HOW LIMIT OPTION...: HOW is "privileged", "unprivileged" or "groups",
# as root with groups to be dropped; LIMIT is kB that may be locked, or "".
start() {
	how=$1 limit=$2
	shift 2
	: > "$log"
	(
		limit_cpu 60
		# shellcheck disable=SC3045 # dash, bash and busybox have it
		[ -z "$limit" ] || ulimit -l "$limit" || exit 77
		case $how in
		unprivileged) unprivileged "$bin/keyd" "$@" ;;
		groups) exec setpriv --groups=0,1,65534 "$bin/keyd" "$@" ;;
		*) exec "$bin/keyd" "$@" ;;
		esac
	) 2> "$log" &
	pid=$!
	await is_up && has_line "keyd: ready: "
}

# SIGTERM and the exit status.
stop() {
	kill -TERM "$pid" && await has_ended "$pid" || return 1
	wait "$pid"
	code=$?
	pid=''
	cat "$log" >> "$dir/logs"
	return "$code"
}

client() { bounded 20 "$bin/keyd-client" --socket "$sock" "$@"; }
good_client() { client --pubkey "$pub" "$@" > /dev/null; }

openssl_verify() {
	openssl pkeyutl -verify -pubin -inkey "$pub" -rawin \
		-in "$1" -sigfile "$2" > "$dir/verify" 2>&1
}

# is_discreet KEY LOG: no 15 characters of the key's base64 are in the log, for
# those would have one of these pieces in them.
is_discreet() {
	tr -d '\000' < "$1" | grep -v '^-' | fold -w 8 |
		grep '^........$' > "$dir/pieces"
	! grep -qFf "$dir/pieces" "$2"
}

# refused DESCRIPTION PHRASE OPTION...: keyd ends, with 1 and the phrase.
refused() {
	what=$1 phrase=$2
	shift 2
	bounded 10 "$bin/keyd" "$@" 2> "$log"
	[ $? -eq 1 ] && has_line "$phrase" && [ "$(wc -l < "$log")" -eq 1 ]
	result $? "$what"
	cat "$log" >> "$dir/logs"
}
refused_key() {
	refused "$1" "$2" --key "$3" --socket "$sock"
	if [ -f "$3" ]; then
		is_discreet "$3" "$log"
		result $? "... and none of it in the message"
	fi
}

# ---- Keys and options ---------------------------------------------------

openssl genpkey -algorithm ed25519 -out "$key"
chmod 600 "$key"
openssl pkey -in "$key" -pubout -out "$pub"

# A file of mode 600 with standard input in it.
make() { (umask 077 && cat > "$1"); }

test_options() {
	"$bin/keyd" --help > "$dir/help" 2> "$log" &&
		[ ! -s "$log" ] && grep -q '^Usage: keyd ' "$dir/help" &&
		[ "$(grep -cE '^  --(key|socket|user|pools|timeout) ' \
			"$dir/help")" -eq 5 ]
	result $? "--help names every option"
	refused "an option that is not known" "bad option '--kye'" --kye x
	refused "no --key" "--key and --socket are needed" --socket "$sock"
	refused "no --socket" "--key and --socket are needed" --key "$key"
	refused "a word too many" "unexpected argument 'more'" \
		--key "$key" --socket "$sock" more
	for n in 0 -1 4x 0x10 '' 100001 99999999999999999999; do
		refused "--pools '$n'" "--pools: '$n' is not a number from 1" \
			--key "$key" --socket "$sock" --pools "$n"
	done
	refused "--timeout 0" "--timeout: '0' is not a number from 1" \
		--key "$key" --socket "$sock" --timeout 0
	if is_root; then
		refused "an unknown user" "unknown user 'no-such-user'" \
			--key "$key" --socket "$sock" --user no-such-user
		refused "--user root" "user 'root' is root" \
			--key "$key" --socket "$sock" --user root
	else
		tap_skip "an unknown user" "needs root"
		tap_skip "--user root" "needs root"
	fi
}

test_key_files() {
	refused_key "a key that is missing" \
		"cannot read the key: No such file" "$dir/none"
	make "$dir/mode" < "$key"
	chmod 640 "$dir/mode"
	refused_key "a key that the group may read" \
		"accessible to others: chmod 600" "$dir/mode"
	chmod 604 "$dir/mode"
	refused_key "a key that others may read" \
		"accessible to others: chmod 600" "$dir/mode"
	refused_key "a directory" "not a regular file" "$dir"
	mkfifo -m 600 "$dir/fifo"
	refused_key "a FIFO" "not a regular file" "$dir/fifo"
	{ cat "$key"; head -c 16384 /dev/zero; } | make "$dir/large"
	refused_key "a key that is too large" "too large for a key" "$dir/large"
	make "$dir/owner" < "$key"
	if is_root && chown 65534 "$dir/owner" 2> /dev/null; then
		refused_key "another user's key" "belongs to UID 65534" "$dir/owner"
	else
		missing="needs root"
		! is_root || missing="root may not give a file away here"
		tap_skip "another user's key" "$missing"
		tap_skip "... and none of it in the message" "$missing"
	fi
}

test_unreadable_key() {
	if [ "$unprivileged" != yes ]; then
		tap_skip "a key that cannot be read" "$unprivileged"
		return
	fi
	is_root || chmod 0 "$key"
	! start unprivileged "" --key "$key" --socket "$sock" &&
		has_line "cannot read the key: Permission denied"
	result $? "a key that cannot be read"
	chmod 600 "$key"
}

test_key_contents() {
	make "$dir/empty" < /dev/null
	refused_key "an empty key file" \
		'contains no "-----BEGIN PRIVATE KEY-----"' "$dir/empty"
	make "$dir/public" < "$pub"
	refused_key "a public key" \
		'contains no "-----BEGIN PRIVATE KEY-----"' "$dir/public"
	head -c 80 "$key" | make "$dir/cut"
	refused_key "a key that is truncated" "truncated: the end of the key" "$dir/cut"
	sed '2s/./!/20' "$key" | make "$dir/base64"
	refused_key "bad base64" "bad base64" "$dir/base64"
	{
		echo "-----BEGIN PRIVATE KEY-----"
		openssl pkey -in "$key" -outform DER | head -c 47 |
			openssl base64
		echo "-----END PRIVATE KEY-----"
	} | make "$dir/der"
	refused_key "DER that is truncated" "not an Ed25519 key" "$dir/der"
	openssl pkcs8 -topk8 -in "$key" -passout pass:x | make "$dir/sealed"
	refused_key "an encrypted key" "the key is encrypted" "$dir/sealed"
	openssl genpkey -quiet -algorithm rsa -pkeyopt rsa_keygen_bits:2048 \
		2> /dev/null | make "$dir/rsa"
	[ -s "$dir/rsa" ] || openssl genpkey -algorithm rsa 2> /dev/null |
		make "$dir/rsa"
	refused_key "an RSA key" "not an Ed25519 key" "$dir/rsa"
	openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 |
		make "$dir/ec"
	refused_key "an EC key" "not an Ed25519 key" "$dir/ec"
	openssl genpkey -algorithm x25519 | make "$dir/x25519"
	refused_key "an X25519 key" "not an Ed25519 key" "$dir/x25519"
}

# ---- Serving ------------------------------------------------------------

test_signing() {
	mkdir "$dir/sample"
	start privileged "" --key "$key" --socket "$sock"
	result $? "keyd starts"
	[ "$(stat -c %a "$sock")" = 666 ]
	result $? "the socket's mode is 0666"
	good_client --count 300 --clients 4 --sample "$dir/sample"
	result $? "300 messages are signed, and libsodium verifies all"
	good=0
	for msg in "$dir"/sample/msg.*; do
		openssl_verify "$msg" "$dir/sample/sig.${msg##*.}" &&
			good=$((good + 1))
	done
	[ "$good" -eq 10 ]
	result $? "openssl verifies the samples"
	printf x >> "$dir/sample/msg.3"
	! openssl_verify "$dir/sample/msg.3" "$dir/sample/sig.3" &&
		grep -q 'Signature Verification Failure' "$dir/verify"
	result $? "openssl refuses a message that was changed"
	good_client --count 100 --clients 30
	result $? "30 clients are served where 12 are at a time"
	kill -USR1 "$pid"
	await has_line "keyd: stats: " && has_line " 1 chunks of 64 bytes;"
	result $? "SIGUSR1: the line of counters, and only the key is live"
}

test_socket() {
	refused "a socket that is in use" "socket in use" \
		--key "$key" --socket "$sock"
	: > "$log"
	good_client
	result $? "... and whoever has it goes on"
	stop
	result $? "SIGTERM: exit status 0"
	! good_client 2> /dev/null
	result $? "... and the socket no longer accepts"

	start privileged "" --key "$key" --socket "$dir/run/stale" &&
		kill -KILL "$pid" && await has_ended "$pid"
	wait "$pid" 2> /dev/null
	[ -S "$dir/run/stale" ] &&
		start privileged "" --key "$key" --socket "$dir/run/stale"
	result $? "a stale socket is replaced"
	stop
	result $? "... and keyd ends as it should"

	echo text > "$dir/file"
	refused "a file in the socket's place" "not a socket" \
		--key "$key" --socket "$dir/file"
	[ "$(cat "$dir/file")" = text ]
	result $? "... is left alone"
	long=$(printf '%0108d' 0)
	refused "a socket path that is too long" \
		"path too long" \
		--key "$key" --socket "$long"
}

# All of them at once, for each takes the time that a client has.
test_bad_clients() {
	start privileged "" --key "$key" --socket "$sock" --timeout 2
	for how in idle half stall drip deaf; do
		bounded 20 "$bin/keyd-client" --socket "$sock" \
			--misbehave "$how" &
		pids="$pids $!"
	done
	client --misbehave long
	result $? "keyd hangs up on a client whose message is too long"
	client --misbehave hangup
	good_client --count 50 --clients 4 &&
		[ "$(grep -c closed "$log")" -eq 2 ]
	result $? "others are served while five clients stall"
	for p in $pids; do
		wait "$p"
		result $? "keyd hangs up on a client that stalls"
	done
	pids=''
	has_line "no request in time: closed"
	result $? "a line for a client that sends nothing"
	has_line "disconnected or stalled in a length: closed"
	result $? "a line for a client that sends half of a length"
	[ "$(grep -c 'disconnected or stalled in a message of .* bytes: closed' \
		"$log")" -eq 3 ]
	result $? "a line for each of two that stall in a message, and one gone"
	has_line "does not receive its signature: closed"
	result $? "a line for a client that does not read"
	has_line "message too long (16001 bytes): closed"
	result $? "a line for a message that is too long"
	good_client --count 20
	result $? "keyd goes on"
	stop
	result $? "... and ends as it should"
}

# With the lock limit used up there are no more pools than at the start.
test_exhaustion() {
	# shellcheck disable=SC3045
	if [ "$(getconf PAGESIZE)" -ne 4096 ]; then
		tap_skip "a full arena" "the figures are for pages of 4 KiB"
		return
	elif ! (ulimit -l 260) 2> /dev/null; then
		tap_skip "a full arena" "the lock limit is too low"
		return
	fi
	start privileged 260 --key "$key" --socket "$sock" --timeout 1
	client --misbehave stall --clients 12
	! has_line "no room for a message" &&
		! has_line "locked memory is running low" && good_client
	result $? "4 pools hold the longest message of each of 12 clients"
	stop
	start privileged 68 --key "$key" --socket "$sock" --pools 1 --timeout 1
	client --misbehave stall --clients 12
	has_line "no room for a message: secmalloc: no room for 16000 bytes"
	result $? "1 pool does not: a line with the library's words"
	# The lines of two threads may come in either order.
	has_line "locked memory is running low"
	result $? "... and one that warned of it"
	good_client --count 20
	result $? "... and keyd goes on"
	stop
	result $? "... and ends as it should"
}

# ---- Privileges ---------------------------------------------------------

status() {
	awk -v name="$1:" '$1 == name { $1 = ""; print substr($0, 2) }' \
		"/proc/$pid/status"
}

find_key() { bounded 30 "$bin/find-key" "$1" "$key" > "$dir/found" 2>&1; }

# keyd after its drop, and what find-key says of processes of both kinds.
test_drop() {
	groups=privileged
	! command -v setpriv > /dev/null || groups=groups
	start "$groups" "" --key "$key" --socket "$sock"
	uid=$(id -u nobody) gid=$(id -g nobody)
	[ "$(status Uid)" = "$uid $uid $uid $uid" ] &&
		[ "$(status Gid)" = "$gid $gid $gid $gid" ] &&
		[ -z "$(status Groups | tr -d ' ')" ]
	result $? "after the drop Uid, Gid and Groups are the user's"
	[ -z "$(status CapEff | tr -d 0)" ] && [ -z "$(status CapPrm |
		tr -d 0)" ]
	result $? "after the drop there are no capabilities"
	has_line "keyd: verified: "
	result $? "... as it has had verified before it serves"
	limits=$(awk '/^Max core file size/ { print $5, $6 }' \
		"/proc/$pid/limits")
	[ "$limits" = "1 1" ] || [ "$limits" = "0 0" ]
	result $? "the core limit is 1, or as low"
	good_client --count 100 --clients 4
	find_key "$pid"
	result $? "the key is found, and in locked memory only"
	stop

	missing=$(why_not setpriv --securebits=+no_setuid_fixup true)
	if [ -z "$missing" ]; then
		: > "$log"
		bounded 10 setpriv --securebits=+no_setuid_fixup "$bin/keyd" \
			--key "$key" --socket "$sock" 2> "$log"
		[ $? -eq 1 ] && has_line "keyd: secmalloc_verify: " &&
			has_line " are still permitted: drop them" &&
			! has_line "keyd: ready"
		result $? "capabilities that stay: its line, and the end"
		rm -f "$sock"
	else
		tap_skip "capabilities that stay" "$missing"
	fi

	mkfifo "$dir/wait"
	# shellcheck disable=SC2016 # the inner shell's arguments
	sh -c 'text=$(cat "$1"); : > "$3"; read -r line < "$2"
		echo "$line$text"' sh "$key" "$dir/wait" "$dir/has-key" \
		> /dev/null 2>&1 &
	pids=$!
	await [ -e "$dir/has-key" ]
	find_key "$pids"
	[ $? -eq 1 ] && grep -q 'NOT locked' "$dir/found" &&
		grep -q 'base64' "$dir/found"
	result $? "find-key finds a key in ordinary memory"
	kill -KILL "$pids"
	wait "$pids" 2> /dev/null
	pids=''
	find_key $$
	[ $? -eq 2 ] && grep -q 'found nowhere' "$dir/found"
	result $? "find-key says so if there is no key"
}

test_unprivileged() {
	make "$dir/theirs" < "$key"
	! is_root || chown 65534 "$dir/theirs"
	start unprivileged "" --key "$dir/theirs" --socket "$dir/run/user" &&
		has_line "keyd: not root: running as UID "
	result $? "not root: it runs, and says so"
	has_line "keyd: verified: "
	result $? "... and is verified"
	bounded 20 "$bin/keyd-client" --socket "$dir/run/user" \
		--pubkey "$pub" --count 20 > /dev/null
	result $? "... and signs"
	stop && [ ! -e "$dir/run/user" ]
	result $? "... and removes its socket"
	if start unprivileged 0 --key "$dir/theirs" --socket "$dir/run/user"
	then
		stop
		false
	else
		wait "$pid"
		[ $? -eq 1 ] && has_line "RLIMIT_MEMLOCK is 0"
	fi
	result $? "not root, no right to lock: the library's words, and the end"
}

# ---- All of them --------------------------------------------------------

unprivileged=yes
if is_root; then
	unprivileged=$(why_not_other "$bin/keyd")
	unprivileged=${unprivileged:-yes}
fi

test_options
if ! may_lock; then
	tap_skip "all that keyd does" "1 MiB cannot be locked"
	tap_done
	exit 0
fi
missing=$(why_no_core_pattern; why_few_addresses; why_no_setuid)
if [ -n "$missing" ]; then
	tap_skip "all that keyd does" "$(echo "$missing" | head -n 1)"
	tap_done
	exit 0
fi
test_key_files
test_unreadable_key
test_key_contents
if is_sanitized; then
	! start privileged "" --key "$key" --socket "$sock" &&
		has_line "secmalloc_verify: the key page is not locked"
	result $? "nothing is locked with sanitizers: its line, and the end"
	tap_skip "all that keyd does" "it does not serve when nothing is locked"
	tap_done
	exit 0
fi
test_signing
test_socket
test_bad_clients
test_exhaustion
if is_root; then
	test_drop
else
	for what in "after the drop Uid, Gid and Groups are the user's" \
		"after the drop there are no capabilities" \
		"... as it has had verified before it serves" \
		"the core limit is 1, or as low" \
		"capabilities that stay: its line, and the end" \
		"the key is found, and in locked memory only" \
		"find-key finds a key in ordinary memory" \
		"find-key says so if there is no key"; do
		tap_skip "$what" "needs root"
	done
fi
if [ "$unprivileged" = yes ]; then
	test_unprivileged
else
	tap_skip "not root" "$unprivileged"
fi
is_discreet "$key" "$dir/logs" && [ -s "$dir/pieces" ]
result $? "no log has any of the key"
# The exit status is 0 whatever failed: the lines tell that.
tap_done
