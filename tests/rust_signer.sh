#!/bin/sh
# The example signer of the crate: what it has locked and given up, and that its
# signatures are good.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"
. "$srcdir/tests/rust.sh"

test -x "$BUILD_DIR/examples/keyd-client" \
	|| tap_skip_all "keyd-client was not built, because libsodium is absent"
command -v openssl > /dev/null || tap_skip_all "openssl is not installed"
pid=
trap 'test -z "$pid" || kill -KILL "$pid"; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
use_cargo "$CARGO"
# The daemon runs as another user, who has to reach its socket.
chmod 755 "$work"

build() {
	write_pc && in_crate cargo build --offline --locked --example signer \
		--features "$features" \
		&& cp "$built/$version-$linkage/debug/examples/signer" "$work"
}

# The seed is text, so that grep finds it in a binary file.
seed=$(tr -dc '[:lower:]' < /dev/urandom | head -c 32)
(umask 077 && printf %s "$seed" > "$work/key")
write_public() {
	{
		printf '\060\056\002\001\000\060\005\006\003\053\145\160\004\042\004\040'
		cat "$work/key"
	} | openssl pkey -inform DER -pubout -out "$work/public"
}

# ends WORDS ARGUMENTS...: the daemon does not start, and says why.
ends() {
	words=$1
	shift
	status=0
	timeout 60 "$work/signer" "$@" > "$work/said" 2>&1 || status=$?
	rm -f "$work/socket"
	echo "$status: $(cat "$work/said")"
	test "$status" -eq 1 && grep -q "^signer: $words" "$work/said"
}

serves_or_has_ended() { grep -qx ready "$work/said" || has_ended "$pid"; }
# Start in groups that the daemon has to give up, if setpriv is installed.
with_groups=
! command -v setpriv > /dev/null || with_groups="setpriv --groups=0,1"
starts() {
	await serves_or_has_ended
	cat "$work/said"
	test "$(cat "$work/said")" = ready
}
field_is() {
	text=$(awk -v name="$1:" '$1 == name { $1 = ""; print substr($0, 2) }' \
		"/proc/$pid/status" | sed 's/ *$//')
	echo "$1: $text"
	test "$text" = "$2"
}
has_given_up() {
	field_is Uid "65534 65534 65534 65534" || return 1
	field_is Gid "65534 65534 65534 65534" || return 1
	field_is Groups "" || return 1
	for set in CapInh CapPrm CapEff CapAmb; do
		field_is "$set" 0000000000000000 || return 1
	done
}
# Two pools of 16 pages, the page of the canary key, and the key's.
has_locked() {
	field_is VmLck "$(($(getconf PAGESIZE) * (2 * 16 + 2) / 1024)) kB"
}
# Print the mappings that the daemon can write, or has locked: the first and the
# last address, the permissions, and "lo" and "dd" if smaps has these flags.
mappings() {
	awk '/^[0-9a-f]*-[0-9a-f]* / { split($1, at, "-"); rights = $2 }
		/^VmFlags:/ {
			lo = / lo( |$)/ ? "lo" : "-"
			dd = / dd( |$)/ ? "dd" : "-"
			if (rights ~ /w/ || lo == "lo")
				print at[1], at[2], rights, lo, dd
		}' "/proc/$pid/smaps"
}
# Print the mappings where the text is.
find_text() {
	mappings > "$work/mappings"
	while read -r from to rest; do
		from=$((0x$from)) to=$((0x$to))
		dd if="/proc/$pid/mem" bs=65536 status=none \
			iflag=skip_bytes,count_bytes skip="$from" \
			count="$((to - from))" 2> /dev/null \
			| grep -qaF "$1" && echo "$rest"
	done < "$work/mappings"
}
key_is_closed_and_locked() {
	find_text "$seed" > "$work/found"
	cat "$work/found"
	test "$(sort -u "$work/found")" = "---p lo dd"
}
# The name of the key's file is in the daemon's command line.
finds_other_memory() {
	find_text "$work/key" > "$work/found"
	cat "$work/found"
	grep -q '^rw-p - -$' "$work/found"
}
signs() {
	bounded 60 "$BUILD_DIR/examples/keyd-client" --socket "$work/socket" \
		--pubkey "$work/public" --count 400 --clients 3
}
hangs_up_on() {
	bounded 60 "$BUILD_DIR/examples/keyd-client" --socket "$work/socket" \
		--misbehave "$1" --clients 3
}
ends_on_term() { kill -TERM "$pid" && await has_ended "$pid"; }

tap "the example is built" build
test -x "$work/signer" || {
	tap_done
	exit
}
"$work/signer" "$work/none" "$work/socket" 65534 65534 > "$work/said" 2>&1
missing=$(grep -o '[^:]*RLIMIT_MEMLOCK is [^:]*' "$work/said")
test -z "$missing" || {
	tap_skip "the daemon starts" "$missing"
	tap_done
	exit
}
tap "the public key is made" write_public
tap "wrong arguments are refused" ends usage "$work/key" "$work/socket"
tap "a key that is absent is refused" ends "$work/none: No such file" \
	"$work/none" "$work/socket" 65534 65534
head -c 31 "$work/key" > "$work/short" && chmod 600 "$work/short"
tap "a key that is too short is refused" ends "$work/short: .*fill" \
	"$work/short" "$work/socket" 65534 65534
cp "$work/key" "$work/open" && chmod 644 "$work/open"
tap "a key that others can read is refused" ends "$work/open: .*chmod 600" \
	"$work/open" "$work/socket" 65534 65534

missing=$(why_no_core_pattern)
test "$(id -u)" -eq 0 || missing="needs root"
test -n "$missing" || missing=$(why_no_setuid)
if [ -n "$missing" ]; then
	tap_skip "the daemon gives up root and signs" "$missing"
	tap_done
	exit
fi
tap "the user root is refused" ends "secmalloc_verify: .*uid" \
	"$work/key" "$work/socket" 0 0
# shellcheck disable=SC2086 # words
$with_groups "$work/signer" "$work/key" "$work/socket" 65534 65534 \
	> "$work/said" 2>&1 &
pid=$!
tap "the daemon starts as root" starts
tap "it is another user, in no other group, without capabilities" has_given_up
tap "it has locked two pools, the page of the canary key, and the key's" \
	has_locked
tap "the key is in locked memory only, which cannot be read now" \
	key_is_closed_and_locked
tap "control: other text is found in memory that is not locked" \
	finds_other_memory
tap "its signatures are good" signs
tap "it hangs up on a message that is too long" hangs_up_on long
tap "afterwards the key is in locked memory only" key_is_closed_and_locked
tap "it serves on" signs
tap "SIGTERM ends it" ends_on_term
pid=
tap_done
