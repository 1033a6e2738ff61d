#!/bin/sh
# keyd_test - what examples/keyd promises, as seen from outside
#
# Environment: BUILD_DIR (.), where examples/keyd was built. Output: TAP.
#
# SPDX-License-Identifier: ISC
set -u
. "${srcdir:-.}/tests/tap.sh"

bin=${BUILD_DIR:-.}/examples
[ -x "$bin/keyd" ] || tap_skip_all "libsodium was not found by configure"
# keyd reads core_pattern.
machine_lock -s

make_work
dir=$work
# The unprivileged user can enter $dir, but can write only in run/.
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

# result STATUS DESCRIPTION: if the result is a failure, the log is shown.
result() {
	tap "$2" test "$1" -eq 0
	[ "$1" -eq 0 ] || sed 's/^/# log: /' "$log"
}
is_root() { [ "$(id -u)" -eq 0 ]; }
# Whether 1 MiB can be locked, which is more than any keyd here needs.
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

# start HOW LIMIT OPTION...: HOW is "privileged", "unprivileged", or "groups"
# for root with groups to give up. LIMIT is the lock limit in kB, or "".
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

# Send SIGTERM, and return the exit status.
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

# is_discreet KEY LOG: the log contains no 15 characters of the key's base64,
# because those would include one of these pieces.
is_discreet() {
	tr -d '\000' < "$1" | grep -v '^-' | fold -w 8 |
		grep '^........$' > "$dir/pieces"
	! grep -qFf "$dir/pieces" "$2"
}

# refused DESCRIPTION PHRASE OPTION...: keyd ends with status 1 and the phrase.
refused() {
	what=$1 phrase=$2
	shift 2
	bounded 10 "$bin/keyd" "$@" 2> "$log"
	[ $? -eq 1 ] && has_line "$phrase" && [ "$(wc -l < "$log")" -eq 1 ]
	result $? "$what is refused"
	cat "$log" >> "$dir/logs"
}
refused_key() {
	refused "$1" "$2" --key "$3" --socket "$sock"
	if [ -f "$3" ]; then
		is_discreet "$3" "$log"
		result $? "the message about $1 has nothing of the key"
	fi
}

# ---- Keys and options ---------------------------------------------------

openssl genpkey -algorithm ed25519 -out "$key"
chmod 600 "$key"
openssl pkey -in "$key" -pubout -out "$pub"

# Create a file of mode 600 with the contents of standard input.
make() { (umask 077 && cat > "$1"); }

test_options() {
	"$bin/keyd" --help > "$dir/help" 2> "$log" &&
		[ ! -s "$log" ] && grep -q '^Usage: keyd ' "$dir/help" &&
		[ "$(grep -cE '^  --(key|socket|user|pools|timeout) ' \
			"$dir/help")" -eq 5 ]
	result $? "--help names every option"
	refused "an unknown option" "bad option '--kye'" --kye x
	refused "a missing --key" "--key and --socket are needed" --socket "$sock"
	refused "a missing --socket" "--key and --socket are needed" --key "$key"
	refused "an extra argument" "unexpected argument 'more'" \
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
		tap_skip "an unknown user is refused" "needs root"
		tap_skip "--user root is refused" "needs root"
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
		tap_skip "another user's key is refused" "$missing"
		tap_skip "the message about another user's key has nothing of the key" \
			"$missing"
	fi
}

test_unreadable_key() {
	if [ "$unprivileged" != yes ]; then
		tap_skip "a key that cannot be read is refused" "$unprivileged"
		return
	fi
	is_root || chmod 0 "$key"
	! start unprivileged "" --key "$key" --socket "$sock" &&
		has_line "cannot read the key: Permission denied"
	result $? "a key that cannot be read is refused"
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
	result $? "keyd signs 300 messages, and libsodium verifies all of them"
	good=0
	for msg in "$dir"/sample/msg.*; do
		openssl_verify "$msg" "$dir/sample/sig.${msg##*.}" &&
			good=$((good + 1))
	done
	[ "$good" -eq 10 ]
	result $? "openssl verifies the signatures of the samples"
	printf x >> "$dir/sample/msg.3"
	! openssl_verify "$dir/sample/msg.3" "$dir/sample/sig.3" &&
		grep -q 'Signature Verification Failure' "$dir/verify"
	result $? "openssl rejects a message that was changed"
	good_client --count 100 --clients 30
	result $? "30 clients are served, 12 at a time"
	kill -USR1 "$pid"
	await has_line "keyd: stats: " && has_line " 1 chunks of 64 bytes;"
	result $? "on SIGUSR1 keyd prints counters: only the key is live"
}

test_socket() {
	refused "a socket that is in use" "socket in use" \
		--key "$key" --socket "$sock"
	: > "$log"
	good_client
	result $? "the keyd that uses the socket keeps serving"
	stop
	result $? "on SIGTERM keyd ends with status 0"
	! good_client 2> /dev/null
	result $? "after keyd has ended the socket accepts no client"

	start privileged "" --key "$key" --socket "$dir/run/stale" &&
		kill -KILL "$pid" && await has_ended "$pid"
	wait "$pid" 2> /dev/null
	[ -S "$dir/run/stale" ] &&
		start privileged "" --key "$key" --socket "$dir/run/stale"
	result $? "keyd replaces a stale socket"
	stop
	result $? "after replacing a stale socket keyd ends with status 0"

	echo text > "$dir/file"
	refused "a file in place of the socket" "not a socket" \
		--key "$key" --socket "$dir/file"
	[ "$(cat "$dir/file")" = text ]
	result $? "a file in place of the socket is left unchanged"
	long=$(printf '%0108d' 0)
	refused "a socket path that is too long" \
		"path too long" \
		--key "$key" --socket "$long"
}

# Run all bad clients at once, because each one takes as long as keyd allows a
# client.
test_bad_clients() {
	start privileged "" --key "$key" --socket "$sock" --timeout 2
	for how in idle half stall drip deaf; do
		bounded 20 "$bin/keyd-client" --socket "$sock" \
			--misbehave "$how" &
		pids="$pids $!"
	done
	client --misbehave long
	result $? "keyd disconnects a client whose message is too long"
	client --misbehave hangup
	good_client --count 50 --clients 4 &&
		[ "$(grep -c closed "$log")" -eq 2 ]
	result $? "others are served while five clients stall"
	for p in $pids; do
		wait "$p"
		result $? "keyd disconnects a client that stalls"
	done
	pids=''
	has_line "no request in time: closed"
	result $? "there is a line about a client that sends nothing"
	has_line "disconnected or stalled in a length: closed"
	result $? "there is a line about a client that sends half of a length"
	[ "$(grep -c 'disconnected or stalled in a message of .* bytes: closed' \
		"$log")" -eq 3 ]
	result $? "there is a line about each of 3 clients that stop in a message"
	has_line "does not receive its signature: closed"
	result $? "there is a line about a client that does not read"
	has_line "message too long (16001 bytes): closed"
	result $? "there is a line about a message that is too long"
	good_client --count 20
	result $? "keyd keeps serving after bad clients"
	stop
	result $? "after bad clients keyd ends with status 0"
}

# With the lock limit used up, there are no more pools than at the start.
test_exhaustion() {
	# shellcheck disable=SC3045
	if [ "$(getconf PAGESIZE)" -ne 4096 ]; then
		tap_skip "a full arena is reported and survived" \
			"the figures are for pages of 4 KiB"
		return
	elif ! (ulimit -l 260) 2> /dev/null; then
		tap_skip "a full arena is reported and survived" \
			"the lock limit is too low"
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
	result $? "1 pool does not hold them: the library's message is logged"
	# The lines of two threads may come in any order.
	has_line "locked memory is running low"
	result $? "a warning was printed that locked memory is running low"
	good_client --count 20
	result $? "keyd keeps serving after its arena was full"
	stop
	result $? "after its arena was full keyd ends with status 0"
}

# ---- Privileges ---------------------------------------------------------

status() {
	awk -v name="$1:" '$1 == name { $1 = ""; print substr($0, 2) }' \
		"/proc/$pid/status"
}

find_key() { bounded 30 "$bin/find-key" "$1" "$key" > "$dir/found" 2>&1; }

# keyd after it has dropped its privileges, and what find-key reports about
# processes with and without a key in ordinary memory.
test_drop() {
	groups=privileged
	! command -v setpriv > /dev/null || groups=groups
	start "$groups" "" --key "$key" --socket "$sock"
	uid=$(id -u nobody) gid=$(id -g nobody)
	[ "$(status Uid)" = "$uid $uid $uid $uid" ] &&
		[ "$(status Gid)" = "$gid $gid $gid $gid" ] &&
		[ -z "$(status Groups | tr -d ' ')" ]
	result $? "after the drop Uid, Gid and Groups are those of the user"
	[ -z "$(status CapEff | tr -d 0)" ] && [ -z "$(status CapPrm |
		tr -d 0)" ]
	result $? "after the drop there are no capabilities"
	has_line "keyd: verified: "
	result $? "keyd verifies the drop before it serves"
	limits=$(awk '/^Max core file size/ { print $5, $6 }' \
		"/proc/$pid/limits")
	[ "$limits" = "1 1" ] || [ "$limits" = "0 0" ]
	result $? "the core limit is at most 1"
	good_client --count 100 --clients 4
	find_key "$pid"
	result $? "find-key finds the key in locked memory only"
	stop

	missing=$(why_not setpriv --securebits=+no_setuid_fixup true)
	if [ -z "$missing" ]; then
		: > "$log"
		bounded 10 setpriv --securebits=+no_setuid_fixup "$bin/keyd" \
			--key "$key" --socket "$sock" 2> "$log"
		[ $? -eq 1 ] && has_line "keyd: secmalloc_verify: " &&
			has_line " are still permitted: drop them" &&
			! has_line "keyd: ready"
		result $? "capabilities that are kept end keyd with a message"
		rm -f "$sock"
	else
		tap_skip "capabilities that are kept end keyd with a message" \
			"$missing"
	fi

	mkfifo "$dir/wait"
	# shellcheck disable=SC2016 # these are the inner shell's arguments
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
	result $? "find-key reports that a process has no key"
}

test_unprivileged() {
	make "$dir/theirs" < "$key"
	! is_root || chown 65534 "$dir/theirs"
	start unprivileged "" --key "$dir/theirs" --socket "$dir/run/user" &&
		has_line "keyd: not root: running as UID "
	result $? "without root keyd runs, and says so"
	has_line "keyd: verified: "
	result $? "without root keyd is verified"
	bounded 20 "$bin/keyd-client" --socket "$dir/run/user" \
		--pubkey "$pub" --count 20 > /dev/null
	result $? "without root keyd signs"
	stop && [ ! -e "$dir/run/user" ]
	result $? "without root keyd removes its socket"
	if start unprivileged 0 --key "$dir/theirs" --socket "$dir/run/user"
	then
		stop
		false
	else
		wait "$pid"
		[ $? -eq 1 ] && has_line "RLIMIT_MEMLOCK is 0"
	fi
	result $? "without the right to lock keyd ends with a message"
}

# ---- All cases ----------------------------------------------------------

unprivileged=yes
if is_root; then
	unprivileged=$(why_not_other "$bin/keyd")
	unprivileged=${unprivileged:-yes}
fi

test_options
if ! may_lock; then
	tap_skip "keyd reads its key, serves and drops its privileges" \
		"1 MiB cannot be locked"
	tap_done
	exit 0
fi
missing=$(why_no_core_pattern; why_few_addresses; why_no_setuid)
if [ -n "$missing" ]; then
	tap_skip "keyd reads its key, serves and drops its privileges" \
		"$(echo "$missing" | head -n 1)"
	tap_done
	exit 0
fi
test_key_files
test_unreadable_key
test_key_contents
if is_sanitized; then
	! start privileged "" --key "$key" --socket "$sock" &&
		has_line "secmalloc_verify: the key page is not locked"
	result $? "with sanitizers keyd cannot lock, and ends with a message"
	tap_skip "keyd reads its key, serves and drops its privileges" \
		"it does not serve when nothing is locked"
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
	for what in "after the drop Uid, Gid and Groups are those of the user" \
		"after the drop there are no capabilities" \
		"keyd verifies the drop before it serves" \
		"the core limit is at most 1" \
		"capabilities that are kept end keyd with a message" \
		"find-key finds the key in locked memory only" \
		"find-key finds a key in ordinary memory" \
		"find-key reports that a process has no key"; do
		tap_skip "$what" "needs root"
	done
fi
if [ "$unprivileged" = yes ]; then
	test_unprivileged
else
	tap_skip "without root keyd runs" "$unprivileged"
fi
is_discreet "$key" "$dir/logs" && [ -s "$dir/pieces" ]
result $? "no log contains anything of the key"
# The exit status is 0 even if tests failed, because the lines report that.
tap_done
