#!/bin/sh
# Which symbols the library exports and needs, and how it is linked.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

library=$BUILD_DIR/.libs/libsecmalloc.so
archive=$BUILD_DIR/.libs/libsecmalloc.a
test -f "$library" || tap_skip_all "no shared library was built"
is_sanitized && tap_skip_all "sanitizers add symbols of their own"
NM=${NM:-nm}
make_work
trap 'rm -rf "$work"' EXIT

header_names > "$work/header"
# exported LIBRARY: print each function as NAME@NODE.
exported() {
	$NM -D --defined-only "$1" \
		| awk '$2 == "T" { sub("@@", "@", $3); print $3 }' \
		| LC_ALL=C sort
}
exported "$library" > "$work/exported"

# The functions that the library may use: no stdio, no allocator, and for output
# only write(), with which a fatal error prints its line. On 32-bit systems some
# names differ: calls with 64-bit file offsets end in 64.
cat > "$work/allowed" <<'END'
__errno_location
__stack_chk_fail
_exit
abort
access
bcmp
chdir
close
ftruncate
dup2
fcntl
fork
fstat
getpid
getrandom
getrlimit
kill
madvise
memcmp
memcpy
memmove
memset
mlock
mmap
mprotect
mremap
msync
munlock
munmap
nanosleep
open
pause
poll
prctl
pthread_key_create
pthread_key_delete
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
recv
sched_yield
send
sigaction
setsid
setrlimit
shutdown
sigaddset
sigemptyset
sigfillset
sigtimedwait
sigismember
sigpending
socketpair
strchr
strcmp
strlen
strncmp
strrchr
syscall
sysconf
waitid
waitpid
write
__cxa_atexit
__register_atfork
atexit
pthread_atfork
END
# Thread-local storage needs this function where the library is not made for
# glibc.
uses_glibc() { $NM -D "$library" | grep -q '@GLIBC_'; }
uses_glibc || echo __tls_get_addr >> "$work/allowed"
needs_only_allowed() {
	sort "$work/allowed" > "$work/sorted"
	$NM -D --undefined-only "$library" | awk '$1 == "U" {print $2}' \
		| sed 's/@.*//; s/64$//' | sort -u > "$work/undefined"
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
		*/fatal.o) continue ;;
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
# tls_bytes LIBRARY: print how much thread-local storage it needs.
tls_bytes() {
	readelf -lW "$1" | awk '$1 == "TLS" { print $6 }' | sed 's/^/echo $((/; s/$/))/' \
		| sh
}
# glibc has a few hundred bytes for all libraries that dlopen() loads.
needs_little_tls() {
	bytes=$(tls_bytes "$1")
	echo "$bytes bytes of thread-local storage"
	test "$bytes" -gt 0 && test "$bytes" -le 64
}
# The relocations of the other models, in which the first use by a thread may
# call malloc().
has_static_tls() {
	readelf -rW "$1" > "$work/relocations"
	grep 'TPOFF' "$work/relocations" || return 1
	! grep 'DTPMOD\|DTPOFF\|DTPREL\|TLSDESC\|TLS_DESC' "$work/relocations"
}
link_other_tls() {
	echo '__thread char other[65]; char *at(void) { return other; }' \
		> "$work/tls.c"
	${CC:-cc} -w -shared -fPIC -o "$work/tls.so" "$work/tls.c"
}
sees_much_tls() { ! needs_little_tls "$work/tls.so"; }
sees_dynamic_tls() { ! has_static_tls "$work/tls.so"; }
# On i386, gcc adds functions of its own that tell a function its address.
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
# Link a library that has one name in a node of its own.
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

tap "the library exports exactly the functions in the header" exports_the_header
tap "each function is in its node of the version script" \
	exports_the_map "$srcdir/lib/secmalloc.map" "$library"
tap "a library with two nodes is linked" link_two_nodes
tap "a library with two nodes has each name in its node" \
	exports_the_map "$work/two.map" "$work/two.so"
tap "control: a name in another node is detected" sees_another_node
tap "the library uses only the functions of libc on the list" needs_only_allowed
tap "the library depends on libc alone" needs_libc_alone
tap "only fatal errors call write()" \
	only_writes_in_fault
tap "the library has relro, now, nodelete and no executable stack" \
	is_linked_hard
if uses_glibc; then
	tap "the library needs at most 64 bytes of thread-local storage" \
		needs_little_tls "$library"
	tap "the library uses thread-local storage in static TLS only" \
		has_static_tls "$library"
	tap "a library with other thread-local storage is linked" link_other_tls
	tap "control: 65 bytes of thread-local storage are detected" \
		sees_much_tls
	tap "control: dynamic TLS is detected" sees_dynamic_tls
fi
tap "all names in the static library begin with sec or smi_" \
	internal_names_have_a_prefix
tap_done
