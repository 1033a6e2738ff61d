#!/bin/sh
# lib/ follows doc/ARCHITECTURE.md: the layer rule for includes and for calls,
# the names, and the numbers of the invariants. Each check has a control.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work
copy=$work
trap 'rm -rf "$copy"' EXIT

# Create a copy of the sources, in which the controls break something.
copy_sources() {
	rm -rf "${copy:?}"/*
	mkdir "$copy/doc"
	cp -R "$srcdir/lib" "$copy"
	cp "$srcdir/doc/ARCHITECTURE.md" "$copy/doc"
	chmod -R u+w "$copy"
}
# broken FILE LINE: an added line is reported, with the name of FILE.
broken() {
	copy_sources
	mkdir -p "$copy/lib/${1%/*}"
	echo "$2" >> "$copy/lib/$1"
	"$srcdir/tools/check-layers" "$copy" > "$copy/found" && return 1
	cat "$copy/found"
	grep -q "^lib/$1: " "$copy/found"
}
# broken_object FILE LINE MESSAGE: an object compiled from this line is added to
# those of the build, and reported.
broken_object() {
	copy_sources
	mkdir -p "$copy/build"
	for object in "$BUILD_DIR"/lib/*/*.o; do
		folder=${object#"$BUILD_DIR"/}
		mkdir -p "$copy/build/${folder%/*}"
		cp "$object" "$copy/build/${folder%/*}"
	done
	echo "$2" > "$copy/more.c"
	$CC -c -o "$copy/build/lib/$1.o" "$copy/more.c" || return 1
	"$srcdir/tools/check-layers" "$copy" "$copy/build" > "$copy/found" \
		&& return 1
	cat "$copy/found"
	grep -q "$3" "$copy/found"
}

# The invariants in the page are word for word those of the headers.
invariants_agree() {
	"$srcdir/tools/list-invariants" "$1" > "$copy/headers"
	grep '^\* \*\*[A-Z][0-9]' "$srcdir/doc/ARCHITECTURE.md" > "$copy/page"
	test -s "$copy/page" && diff "$copy/page" "$copy/headers"
}
# Each invariant that an audit reports or a comment cites exists.
numbers_exist() {
	grep -ho '\<[AEGKMPRSTV][0-9]\>' "$1"/lib/*/*.[ch] | sort -u \
		> "$copy/cited"
	"$srcdir/tools/list-invariants" "$srcdir" \
		| sed 's/^\* \*\*\([A-Z][0-9]*\)\*\*.*/\1/' | sort > "$copy/known"
	test -z "$(uniq -d "$copy/known")" || return 1
	comm -23 "$copy/cited" "$copy/known" > "$copy/unknown"
	cat "$copy/unknown"
	test ! -s "$copy/unknown"
}
sees_another_wording() {
	copy_sources
	sed -i 's/The last unit of an extent names/Its last unit names/' \
		"$copy/lib/space/extents.h"
	invariants_agree "$copy" | grep -q '^< .*\*\*E3\*\*'
}
sees_a_number_of_none() {
	copy_sources
	echo '/* E9 */' >> "$copy/lib/space/extents.c"
	numbers_exist "$copy" | grep -q E9
}
# lib/README.md has a sentence for each folder, and for no other.
readme_has_each_folder() {
	(cd "$srcdir/lib" && ls -d ./*/) | sed 's,[./],,g' | sort \
		> "$copy/folders"
	sed -n 's/^| [0-9]* | `\([a-z]*\)\/` |.*/\1/p' "$srcdir/lib/README.md" \
		| sort | diff "$copy/folders" -
}

tap "the includes in lib/ follow the layer rule" \
	"$srcdir/tools/check-layers" "$srcdir"
tap "control: an include of a higher layer is detected" \
	broken space/extents.c '#include "chunk/slab.h"'
tap "control: an include of the other folder in a layer is detected" \
	broken space/run.c '#include "report/misuse.h"'
tap "control: a folder without a layer is detected" broken more/new.c ''
tap "control: a kernel header in the wrong folder is detected" \
	broken chunk/slab.c '#include <sys/mman.h>'
if ! ls "$BUILD_DIR"/lib/*/*.o > /dev/null 2>&1; then
	tap_skip "lib/ follows the layer rule in calls, and the naming rule" \
		"no static library was built"
elif grep -q '^CFLAGS = .*-flto' "$BUILD_DIR/Makefile"; then
	tap_skip "lib/ follows the layer rule in calls, and the naming rule" \
		"objects for link-time optimization do not list their symbols"
else
	tap "lib/ follows the layer rule in calls, and the naming rule" \
		"$srcdir/tools/check-layers" "$srcdir" "$BUILD_DIR"
	tap "control: a call of a higher layer is detected without an include" \
		broken_object space/more 'void smi_slab_give(void);
		void smi_more_call(void); void smi_more_call(void)
		{ smi_slab_give(); }' \
		'lib/space/more.c: layer 3 needs smi_slab_give of lib/chunk/slab.c'
	tap "control: a name that belongs to another file is detected" \
		broken_object space/more 'int smi_pool_more;' \
		'lib/space/more.c: smi_pool_more is not named after it'
	tap "control: files of one folder that need each other are detected" \
		broken_object report/last_error 'void smi_shortage_explain(void);
		void smi_last_error_begin(void); void smi_last_error_begin(void)
		{ smi_shortage_explain(); }' 'in a circle'
fi
tap "lib/README.md has a sentence for each folder" readme_has_each_folder
tap "the invariants in ARCHITECTURE.md are those of the headers" \
	invariants_agree "$srcdir"
tap "control: an invariant with other words is detected" \
	sees_another_wording
tap "each invariant that is cited exists" numbers_exist "$srcdir"
tap "control: a number without an invariant is detected" sees_a_number_of_none
tap_done
