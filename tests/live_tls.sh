#!/bin/sh
# The library needs so little static TLS that dlopen() loads it after others
# have taken theirs. It allocates nothing when a thread first calls it, and so
# malloc() can be replaced by it.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

library=$BUILD_DIR/.libs/libsecmalloc.so
program=$BUILD_DIR/tests/live_tls_program
test -f "$library" || tap_skip_all "no shared library was built"
test -e "$program" || tap_skip_all "this suite is for Linux only"
is_sanitized && tap_skip_all "sanitizers have an allocator of their own"
"$program" libc > /dev/null || tap_skip_all "this suite is for glibc only"
make_work_to_run
trap 'rm -rf "$work"' EXIT

# ---- Static TLS -----------------------------------------------------------------

# hog NAME BYTES: make a library that takes so much static TLS.
hog() {
	cat > "$work/hog.c" << END
__attribute__((tls_model("initial-exec"), aligned(16)))
static __thread char hog[$2];
char *hog_at(void);
char *hog_at(void) { return hog; }
END
	${CC:-cc} -w -shared -fPIC -o "$work/$1.so" "$work/hog.c"
}
loads() { "$program" load "$@"; }
# most STEP: print how many bytes one library can have.
most() {
	low=0 high=65536
	while [ $((high - low)) -gt 16 ]; do
		middle=$(((low + high) / 2))
		middle=$((middle - middle % 16))
		hog try $middle || return 1
		if loads "$work/try.so" 2> /dev/null; then
			low=$middle
		else
			high=$middle
		fi
	done
	echo $low
}
make_hogs() {
	room=$(most) || return 1
	echo "$room bytes of static TLS"
	test "$room" -gt 64 && test "$room" -lt 65500 || return 1
	hog hog $((room - 64)) && hog larger $((room - 32)) && hog after 64
}
# The library that comes after the hog has 64 bytes.
leaves_64_bytes() {
	loads "$work/hog.so" "$work/after.so" || return 1
	! loads "$work/larger.so" "$work/after.so"
}

# ---- Calls ----------------------------------------------------------------------

# Modules with thread-local storage, so that the loader has to enlarge the table
# of modules that each older thread has when that thread next uses dynamic TLS.
make_modules() {
	hog module 1 || return 1
	module=0
	while [ $((module += 1)) -le 30 ]; do
		cp "$work/module.so" "$work/module$module.so" || return 1
	done
	echo '__thread char dynamic[1000];
	void use_dynamic(void);
	void use_dynamic(void) { dynamic[0] = 1; }' > "$work/dynamic.c"
	${CC:-cc} -w -shared -fPIC -o "$work/module_dynamic.so" \
		"$work/dynamic.c"
}
# counts_none CALL: the first call of a thread allocates nothing.
counts_none() {
	bounded 60 "$program" count "$1" "$library" "$work"/module?*.so
}
counts_some() {
	counts_none "$1" > "$work/some"
	cat "$work/some"
	! grep ' 0 in a thread that is older' "$work/some"
}

tap "libraries that take static TLS are made" make_hogs
tap "control: with less room a library with 64 bytes cannot be loaded" \
	leaves_64_bytes
tap "the library can be loaded where 64 bytes of static TLS are left" \
	bounded 60 "$program" load "$work/hog.so" "$library"
tap "libraries with thread-local storage are made" make_modules
"$program" use "$library" > "$work/unused" 2> "$work/why"
case $? in
77)
	tap_skip "the library allocates nothing" "$(cat "$work/why")"
	tap_done
	exit
	;;
esac
tap "the library works where 64 bytes of static TLS are left" \
	bounded 60 "$program" use "$library" "$work/hog.so"
for call in secmalloc secfree secrealloc failure early-failure \
	secmalloc_error secmalloc_explain early-explain
do
	tap "a thread's first call allocates nothing: $call" \
		counts_none $call
done
for call in malloc dynamic; do
	tap "control: allocations are counted: $call" counts_some $call
done
# glibc allocates for keys in blocks of 32, except for the first block.
for keys in 0 31 40 63; do
	tap "secmalloc() can replace malloc(), after $keys keys of threads" \
		bounded 60 "$program" replace $keys "$library"
done
tap_done
