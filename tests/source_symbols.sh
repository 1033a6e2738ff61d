#!/bin/sh
# What the library exports, what it needs, and how it is linked.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

library=$BUILD_DIR/.libs/libsecmalloc.so
archive=$BUILD_DIR/.libs/libsecmalloc.a
test -f "$library" || tap_skip_all "no shared library was built"
is_sanitized && tap_skip_all "sanitizers add symbols of their own"
NM=${NM:-nm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

header_names > "$work/header"
# exported LIBRARY: each function as NAME@NODE.
exported() {
	$NM -D --defined-only "$1" \
		| awk '$2 == "T" { sub("@@", "@", $3); print $3 }' \
		| LC_ALL=C sort
}
exported "$library" > "$work/exported"

# All that may be asked of libc: no stdio, no allocator, and of output only
# the fault's write(), and that of a child to its parent. On a 32-bit system some
# have another name: that of a call with 64-bit file offsets ends in 64, and that
# of thread-local storage on i386 has a third underscore.
cat > "$work/allowed" <<'END'
__errno_location
__stack_chk_fail
__tls_get_addr
_exit
abort
access
chdir
close
ftruncate
dup2
fcntl
fork
fstat
getrandom
getrlimit
madvise
memcmp
memcpy
memmove
memset
mlock
mmap
mprotect
mremap
munlock
munmap
nanosleep
open
pause
pipe2
prctl
pthread_key_create
pthread_mutex_destroy
pthread_mutex_init
pthread_mutex_lock
pthread_mutex_unlock
pthread_mutexattr_destroy
pthread_mutexattr_init
pthread_mutexattr_settype
pthread_setcancelstate
pthread_setspecific
pthread_sigmask
raise
read
sched_yield
sigaction
setsid
setrlimit
sigaddset
sigemptyset
sigfillset
sigtimedwait
sigismember
sigpending
strcmp
strlen
syscall
sysconf
waitpid
write
__register_atfork
pthread_atfork
END
needs_only_allowed() {
	sort "$work/allowed" > "$work/sorted"
	$NM -D --undefined-only "$library" | awk '$1 == "U" {print $2}' \
		| sed 's/@.*//; s/64$//; s/^___tls/__tls/' | sort -u \
		> "$work/undefined"
	test -z "$(comm -23 "$work/undefined" "$work/sorted" | tee /dev/stderr)"
}
needs_libc_alone() {
	readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' \
		> "$work/needed"
	! grep -v '^libc\.so\|^ld-linux\|^libpthread\.so' "$work/needed"
}
only_writes_in_fault() {
	for object in "$BUILD_DIR"/lib/*/.libs/*.o; do
		case $object in
		*/fatal.o | */posix_process.o) continue ;;
		esac
		! $NM "$object" | grep -w 'U \(write\|puts\|printf\|fputs\)' \
			|| return 1
	done
}
is_linked_hard() {
	readelf -dW "$library" > "$work/dynamic"
	readelf -lW "$library" > "$work/segments"
	grep -q 'BIND_NOW\|NOW' "$work/dynamic" || return 1
	grep -q 'NODELETE' "$work/dynamic" || return 1
	grep -q 'GNU_RELRO' "$work/segments" || return 1
	grep 'GNU_STACK' "$work/segments" | grep -q 'RW ' || return 1
}
# gcc's own, on i386, is how a function finds where it is.
internal_names_have_a_prefix() {
	! $NM --defined-only -g "$archive" 2> "$work/errors" \
		| awk 'NF == 3 {print $3}' \
		| grep -v '^smi_\|^sec\|^__x86\.get_pc_thunk\.'
}

exports_the_header() {
	sed 's/@.*//' "$work/exported" | sort | diff "$work/header" -
}
# exports_the_map MAP LIBRARY
exports_the_map() {
	map_names "$1" > "$work/map"
	exported "$2" | diff "$work/map" -
}
# A library of which one name is in a node of its own.
link_two_nodes() {
	map_with secmalloc_mutant SECMALLOC_1.99 > "$work/two.map"
	map_names "$work/two.map" | sed 's/\(.*\)@.*/void \1(void) {}/' \
		> "$work/two.c"
	${CC:-cc} -w -fno-builtin -shared -fPIC -o "$work/two.so" \
		"$work/two.c" -Wl,--version-script="$work/two.map"
}
sees_another_node() {
	map_with secmalloc_mutant SECMALLOC_1.0 > "$work/one.map"
	! exports_the_map "$work/one.map" "$work/two.so"
}

tap "the header's names are the exported ones" exports_the_header
tap "each in its node of the version script" \
	exports_the_map "$srcdir/lib/secmalloc.map" "$library"
tap "a library with two nodes" link_two_nodes
tap "has each name in its node" \
	exports_the_map "$work/two.map" "$work/two.so"
tap "control: a name in another node is seen" sees_another_node
tap "nothing else is asked of libc" needs_only_allowed
tap "it needs libc alone" needs_libc_alone
tap "only the fault and the gate to a parent write" only_writes_in_fault
tap "relro, now, nodelete, no executable stack" is_linked_hard
tap "the static library's names are sec* and smi_*" \
	internal_names_have_a_prefix
tap_done
