#!/bin/sh
# examples/Containerfile: the files that its stages copy and the programs that
# they run exist. The entry point works in a root directory of its own, with the
# limits in the comment at its top.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

recipe=$srcdir/examples/Containerfile
is_sanitized && tap_skip_all "needs a build without sanitizers"
test -x "$BUILD_DIR/examples/keyd" \
	|| tap_skip_all "libsodium was not found by configure"
# keyd reads core_pattern.
machine_lock -s
make_work
root=$work/root
pid=''
trap 'test -z "$pid" || kill -KILL "$pid" 2> /dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
chmod 711 "$work"

# The recipe, with continued lines joined and without comments.
sed -e '/^#/d' -e :a -e '/\\$/{N;s/\\\n//;ba' -e '}' "$recipe" > "$work/lines"
# run_option NAME: print the value of an option in the run line at the top, such
# as memlock.
run_option() {
	sed -n "s/^#.*--ulimit $1=\([0-9]*\):\([0-9]*\).*/\1/p" "$recipe"
}

# ---- The stages -----------------------------------------------------------

is_known() {
	grep -vE '^(FROM|COPY|WORKDIR|RUN|ENTRYPOINT) |^$' "$work/lines" \
		&& return 1
	test "$(grep -c '^FROM ' "$work/lines")" -eq 2
}
run_lines_are_shell() {
	sed -n 's/^RUN //p' "$work/lines" > "$work/run"
	test "$(wc -l < "$work/run")" -ge 5 && sh -n "$work/run"
}
# Install what the first stage installs.
install_stage() {
	MAKEFLAGS='' make -C "$BUILD_DIR" install DESTDIR="$work/built" \
		&& mkdir -p "$work/built/usr/local/sbin" \
		&& (cd "$BUILD_DIR" && ./libtool --mode=install install \
			examples/keyd "$work/built/usr/local/sbin/keyd")
}
# Print the patterns of the files that the second stage copies.
copied() { sed -n 's/^COPY --from=build \([^ ]*\) .*/\1/p' "$work/lines"; }
copies_exist() {
	test "$(copied | wc -l)" -eq 2 || return 1
	# shellcheck disable=SC2231 # patterns
	for pattern in $(copied); do
		for file in "$work/built"$pattern; do
			test -f "$file" || { echo "$pattern"; return 1; }
		done
	done
}
# add PROGRAM...: copy programs and the libraries that the loader finds for them
# here.
add() {
	for file in "$@" $(LD_LIBRARY_PATH="$work/built/usr/local/lib" \
		ldd "$@" | sed -n 's,.*[[:space:]]\(/[^ ]*\) (0x.*,\1,p'); do
		to=$root${file#"$work/built"}
		mkdir -p "${to%/*}" && cp -L "$file" "$to" || return 1
	done
}
# Create the root directory of the second stage, with setpriv to start it.
make_root() {
	mkdir -p "$root/dev" "$root/proc" "$root/etc/keyd" "$root/run/keyd" \
		|| return 1
	# shellcheck disable=SC2086,SC2231
	for pattern in $(copied); do
		mkdir -p "$root${pattern%/*}"
		cp -L "$work/built"$pattern "$root${pattern%/*}" || return 1
	done
	add "$work/built/usr/local/sbin/keyd" "$(command -v setpriv)" \
		|| return 1
	echo "keyd:x:777:777::/:" > "$root/etc/passwd"
	mknod "$root/dev/null" c 1 3
	openssl genpkey -algorithm ed25519 -out "$root/etc/keyd/key.pem" \
		&& chmod 600 "$root/etc/keyd/key.pem" \
		&& openssl pkey -in "$root/etc/keyd/key.pem" -pubout \
			-out "$work/pub.pem"
}

# ---- The entry point ------------------------------------------------------

is_up() { has_ended "$pid" || grep -q '^keyd: ready: ' "$work/log"; }
# start MEMLOCK: start as the run line says, except for control groups.
# LD_LIBRARY_PATH tells the loader what ldconfig would.
start() {
	entry=$(sed -n 's/^ENTRYPOINT \[\(.*\)\]/\1/p' "$work/lines" \
		| tr -d '",')
	: > "$work/log"
	# shellcheck disable=SC2086 # words
	unshare --mount --net --pid --ipc --uts --fork --kill-child sh -c '
		mount --make-rprivate / && mount --bind "$0" "$0" \
		&& mount -o remount,bind,ro "$0" \
		&& mount -t proc proc "$0/proc" \
		&& mount -t tmpfs -o mode=755 tmpfs "$0/run/keyd" \
		&& exec "$@"' "$root" \
		prlimit --memlock="$1" --core="$(run_option core)" \
		env LD_LIBRARY_PATH=/usr/local/lib chroot "$root" \
		"$(command -v setpriv)" --bounding-set="$(capabilities)" \
		--no-new-privs $entry 2> "$work/log" &
	pid=$!
	await is_up
	cat "$work/log"
	grep -q '^keyd: ready: ' "$work/log"
}
# Print the capabilities in the run line, in the form that setpriv takes.
capabilities() {
	grep -q '^#.*--cap-drop=ALL' "$recipe" || return 1
	sed -n 's/^#.*--cap-add=\([A-Z,]*\).*/-all,\1/p' "$recipe" \
		| tr '[:upper:]' '[:lower:]' | sed 's/,\([a-z]\)/,+\1/g'
}
# Print the pid of the container's first process, as seen from outside.
first() { tr -d ' ' < "/proc/$pid/task/$pid/children"; }
works() {
	start "$(run_option memlock)" || return 1
	inside=/proc/$(first)
	grep '^Uid:.777.777.777.777$' "$inside/status" || return 1
	locked=$(awk '/^VmLck:/ { print $2 * 1024 }' "$inside/status")
	echo "$locked bytes are locked"
	test "$locked" -eq "$(run_option memlock)" || return 1
	bounded 20 "$BUILD_DIR/examples/keyd-client" \
		--socket "$inside/root/run/keyd/socket" \
		--pubkey "$work/pub.pem" --count 100 --clients 8 || return 1
	kill -TERM "$(first)" && await has_ended "$pid" && wait "$pid"
}
needs_limit() {
	! start "$(($(run_option memlock) - 64 * 1024))" && wait "$pid"
	test $? -eq 1 && grep -q -e \
		"--ulimit memlock=$(run_option memlock) (container)" "$work/log"
}
agrees_with_unit() {
	test "$(run_option memlock)" = "$(sed -n 's/^LimitMEMLOCK=//p' \
		"$srcdir/examples/keyd.service")"
}

tap "the recipe has two stages with known instructions" is_known
tap "the recipe's RUN lines are valid shell" run_lines_are_shell
tap "the recipe's lock limit is that of the unit" agrees_with_unit
may=yes
if ! grep -q '^libdir=${exec_prefix}/lib$' "$BUILD_DIR/secmalloc.pc" \
	|| ! grep -q '^prefix=/usr/local$' "$BUILD_DIR/secmalloc.pc" \
	|| [ ! -e "$BUILD_DIR/.libs/libsecmalloc.so.1" ]; then
	may="needs a shared library for /usr/local"
elif [ "$(id -u)" -ne 0 ]; then
	may="needs root"
elif missing=$(why_not setpriv --bounding-set=-all true
	why_not unshare --mount --net --pid --fork true
	why_no_exec
	why_few_addresses) && [ -n "$missing" ]; then
	may=$(echo "$missing" | head -n 1)
elif [ "$(getconf PAGESIZE)" -ne 4096 ]; then
	may="the figures are for pages of 4 KiB"
fi
if [ "$may" = yes ]; then
	tap "the first stage installs the library and keyd" install_stage
	tap "the first stage creates the files that the second copies" \
		copies_exist
	tap "the root directory of the second stage is created" make_root
	tap "the entry point signs there, with the documented limits" works
	tap "with one pool less the message names the limit to set" needs_limit
else
	tap_skip "the entry point signs in the root directory" "$may"
fi
tap_done
