#!/bin/sh
# The layer rule, and that its check can fail.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# A copy of the sources with one line added to one file.
broken() {
	rm -rf "${copy:?}"/*
	mkdir "$copy/lib" "$copy/doc"
	cp "$srcdir"/lib/*.[ch] "$copy/lib"
	cp "$srcdir/doc/INTERNALS.md" "$copy/doc"
	chmod -R u+w "$copy"
	echo "$2" >> "$copy/lib/$1"
	! "$srcdir/tools/check-layers" "$copy"
}

tap "lib/ keeps the layer rule" "$srcdir/tools/check-layers" "$srcdir"
tap "an include upward is found" broken buddy.c '#include "slab.h"'
tap "an include of an equal is found" broken audit.c '#include "plan.h"'
tap "a module without a layer is found" broken new.c ''
tap "a kernel header in the wrong place is found" \
	broken slab.c '#include <sys/mman.h>'
tap_done
