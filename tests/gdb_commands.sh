#!/bin/sh
# The gdb commands describe the arena of a process, and of its core files, as
# the process itself does. They print no byte of a chunk.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

is_sanitized && tap_skip_all "a build with sanitizers does not lock memory"
test -e "$BUILD_DIR/tests/gdb_program" \
	|| tap_skip_all "this suite is for Linux only"
command -v gdb > /dev/null || tap_skip_all "gdb is not installed"
# gdb must not download anything.
unset DEBUGINFOD_URLS
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
script=$srcdir/tools/gdb/secmalloc.py

# libtool finds the program behind its wrapper, and the library.
found=$("$BUILD_DIR/libtool" --mode=execute \
	sh -c 'echo "$LD_LIBRARY_PATH:$1"' sh "$BUILD_DIR/tests/gdb_program")
program=${found##*:} LD_LIBRARY_PATH=${found%:*}
export LD_LIBRARY_PATH

# Run gdb without any user's settings.
plain_gdb() {
	gdb -nx -batch -iex 'set style enabled off' -iex 'set confirm off' \
		"$@" 2>&1
}
run_gdb() { plain_gdb -x "$script" "$@"; }

# ---- Requirements -------------------------------------------------------------

has_debug_info() {
	library=$BUILD_DIR/.libs/libsecmalloc.so
	test -e "$library" || library=$program
	plain_gdb -ex 'ptype struct smi_arena' "$library" | grep -q 'smi_pools'
}
plain_gdb -ex 'python print(hasattr(gdb, "lookup_static_symbols"))' \
	| grep -qx True || tap_skip_all "gdb has no Python, or is older than 10"
has_debug_info || tap_skip_all "the build has no debugging information"
plain_gdb -ex run true | grep -q 'exited normally' \
	|| tap_skip_all "gdb cannot run a program here"

# ---- A process and its core files ---------------------------------------------

# write_commands SAID: write the commands whose output is compared with the
# output of the program in SAID.
write_commands() {
	cat > "$work/commands" << END
secmalloc pools
secmalloc chunks
python
for line in open("$1"):
    if line.startswith("0x"):
        gdb.execute("secmalloc explain " + line.split(":")[0])
end
END
}
# Write three core files: an ordinary one, one with the pools and one without
# the metadata.
write_dumps() {
	cat > "$work/dumps" << END
gcore $work/gcore
set dump-excluded-mappings on
gcore $work/whole
set dump-excluded-mappings off
python
pid = gdb.selected_inferior().pid
open(f"/proc/{pid}/coredump_filter", "w").write("0")
end
gcore $work/bare
END
}
look_at_process() {
	write_commands "$work/said"
	write_dumps
	run_gdb -ex "run abort > $work/said" -x "$work/commands" \
		-ex 'echo guarded:\n' -ex 'secmalloc chunks --class guarded' \
		-ex 'echo alone:\n' -ex 'secmalloc chunks --class alone' \
		-ex 'echo two:\n' -ex 'secmalloc chunks --limit 2' \
		-x "$work/dumps" "$program" > "$work/process"
	cat "$work/process"
	grep -q '^backing' "$work/said"
}
# look_at_core CORE SAID OUTPUT
look_at_core() {
	write_commands "$2"
	run_gdb -x "$work/commands" "$program" "$1" > "$3"
}

# ---- The size of a core -----------------------------------------------------

# gcore_of MODE [FOLLOW]: make a core by gcore of the program in this mode.
# The addresses that the process has mapped, in bytes, are in MODE-mapped.
gcore_of() {
	cat > "$work/sum" << END
python
pid = gdb.selected_inferior().pid
with open(f"/proc/{pid}/maps") as maps, \
        open("$work/$1-mapped", "w") as mapped:
    ranges = [line.split()[0].split("-") for line in maps]
    # Sections of the kernel's own are at the end.
    mapped.write(str(sum(int(b, 16) - int(a, 16) for a, b in ranges
                         if int(b, 16) < 2 ** 63)))
end
END
	run_gdb ${2:+-ex "set follow-fork-mode $2"} \
		-ex "run $1 > $work/$1-said" -x "$work/sum" \
		-ex "gcore $work/$1-core" "$program" > "$work/$1-output"
	cat "$work/$1-output"
	test -s "$work/$1-core"
}
# gcore used to write all inaccessible addresses too, which took gigabytes.
is_small() {
	bytes=$(($(wc -c < "$work/$1-core")))
	echo "$bytes bytes"
	test "$bytes" -gt 100000 && test "$bytes" -le 10000000
}
has_mapped_much() { test "$(cat "$work/$1-mapped")" -gt 1000000000; }
describes_grown() {
	write_commands "$work/grown-said"
	run_gdb -x "$work/commands" "$program" "$work/grown-core" \
		> "$work/grown"
	cat "$work/grown"
	! grep 'Traceback\|rror' "$work/grown" || return 1
	left=$(sed -n 's/^This core has no metadata of \([0-9]*\) bytes.*/\1/p' \
		"$work/grown" | head -n 1)
	pool=$(sed -n 's/^ *0  *0x[0-9a-f]*  *\([0-9]*\)  *?  *? *both .*/\1/p' \
		"$work/grown")
	listed=$(sed -n '/^bytes/q; s/^ *0x[0-9a-f]*  *60000  alone$/x/p' \
		"$work/grown" | grep -c x)
	# The chunks lie side by side, in 118 units each.
	test "$left" -gt 1000000 && test "$listed" -gt 30 \
		&& test "$listed" -eq $(((pool - left) / (118 * 512)))
}
explains_grown() {
	sed -n '1s/:.*//p' "$work/grown-said" > "$work/first"
	grep -q "^$(cat "$work/first"): byte 0 of a chunk of 60000 bytes, pool 0" \
		"$work/grown" || return 1
	grep '^0x.*: in a part of pool 0 whose metadata are not in this core$' \
		"$work/grown"
}

# ---- Comparisons --------------------------------------------------------------

# secmalloc_explain() does not say which slots are in a cache, so ignore that.
same_words() {
	grep '^0x.*: ' "$1" | sed 's/ (a thread.s cache has it)$//' \
		> "$work/explained"
	test "$(grep -c . "$work/explained")" -gt 300 || return 1
	grep '^0x' "$2" | diff - "$work/explained"
}
same_sums() {
	grep '^[a-z ]*: [0-9]' "$2" > "$work/sums"
	test "$(grep -c . "$work/sums")" -eq 4 || return 1
	while read -r sum; do
		grep -qFx "$sum" "$1" || { echo "not '$sum' in:"; cat "$1"; return 1; }
	done < "$work/sums"
}
# Only the first table lists all chunks.
same_chunks() {
	sed -n '/^guarded:$/q; s/^ *\(0x[0-9a-f]*\)  *\([0-9]*\)  [0-9ag].*/chunk \1 \2/p' \
		"$1" | sort > "$work/listed"
	grep '^chunk ' "$2" | sort | diff - "$work/listed"
}
# Compare which pools are initial and which were added, and their kind of
# memory.
same_pools() {
	backing=$(sed -n 's/^backing //p' "$2")
	test "$(grep -c "^ .* initial  $backing\$" "$1")" -eq 2 \
		&& test "$(grep -c "^ .* grown  $backing\$" "$1")" -ge 1 \
		&& ! grep 'initial\|grown' "$1" | grep -v "$backing\$"
}
sees_a_difference() {
	sed 's/^\(0x.*: byte \)1/\12/' "$2" > "$work/changed"
	! same_words "$1" "$work/changed"
}
compare() {
	tap "$1: addresses are explained as secmalloc_explain() does" \
		same_words "$2" "$3"
	tap "$1: the sums are those of secmalloc_stats()" same_sums "$2" "$3"
	tap "$1: the listed chunks are exactly the live ones" \
		same_chunks "$2" "$3"
	tap "$1: initial and added pools are marked as such" \
		same_pools "$2" "$3"
}

# section NAME: print the lines after a line with this name, up to the sums.
section() { sed -n "/^$1:\$/,/^chunks:/p" "$work/process"; }
lists_guarded() {
	section guarded > "$work/section"
	grep '  91  guarded, which is open for reading only$' "$work/section" \
		&& grep '  90  guarded, which is closed$' "$work/section" \
		&& grep '  93  guarded$' "$work/section" \
		&& grep 'chunks: 3, 274 bytes' "$work/section"
}
lists_alone() {
	section alone > "$work/section"
	grep -q '100000  alone$' "$work/section" \
		&& ! grep '^0x' "$work/section" | grep -v 'alone$'
}
lists_two() {
	section two > "$work/section"
	test "$(grep -c '^ *0x' "$work/section")" -eq 2 \
		&& grep '^[0-9]* more$' "$work/section" \
		&& grep -Fx "$(grep '^chunks:' "$work/said")" "$work/section"
}

# ---- Secrets ------------------------------------------------------------------

# has CONTROL SECRET FILE: the numbers of both patterns in FILE are as stated.
# Each is an operator of test and a number.
has() {
	"$program" count "$3" > "$work/count" || return 1
	read -r control secret < "$work/count"
	echo "malloc: $control, arena: $secret"
	# shellcheck disable=SC2086 # an operator and a number
	test "$control" $1 && test "$secret" $2
}
refuses_pools() {
	cat > "$work/refuse" << 'END'
python
memory, arena = look()
for at in (arena.pools.first, arena.pools.key_page, arena.guarded.first):
    try:
        memory.read(at, 1)
    except gdb.GdbError as error:
        print(error)
print("metadata:", len(memory.read(arena.metadata.start + 4096, 8)))
end
END
	run_gdb -ex "run abort > $work/unused" -x "$work/refuse" "$program" \
		> "$work/refused"
	cat "$work/refused"
	test "$(grep -c 'refused to read' "$work/refused")" -eq 3 \
		&& grep -qx 'metadata: 8' "$work/refused"
}

# ---- Cases without an answer --------------------------------------------------

# says TIMES WORDS COMMAND...: exactly so many lines of the command's output
# contain WORDS.
says() {
	times=$1 words=$2
	shift 2
	"$@" > "$work/output"
	cat "$work/output"
	test "$(grep -cF "$words" "$work/output")" -eq "$times" \
		&& ! grep Traceback "$work/output"
}
# each_says WORDS COMMAND...: run COMMAND with the three gdb commands appended.
# The output of each of them contains WORDS.
each_says() {
	says 3 "$@" -ex 'secmalloc explain $sp' -ex 'secmalloc pools' \
		-ex 'secmalloc chunks'
}
run_true() { run_gdb -ex starti "$@" true; }
run_mode() {
	mode=$1
	shift
	run_gdb -ex "run $mode" "$@" "$program"
}
run_stripped() {
	run_gdb -ex "set environment LD_LIBRARY_PATH $work/stripped" \
		-ex 'run none' "$@" "$program"
}
run_bare_core() { run_gdb "$@" "$program" "$work/bare"; }
run_other_version() {
	sed 's/"slot_bytes", "slots"/"slot_octets", "slots"/' "$script" \
		> "$work/other.py"
	plain_gdb -x "$work/other.py" -ex 'run none' "$@" "$program"
}
explains_left_behind() {
	cat > "$work/follow" << END
set follow-fork-mode child
run child > $work/child-said
python
for line in open("$work/child-said"):
    gdb.execute("secmalloc explain " + line.split(":")[0])
end
END
	run_gdb -x "$work/follow" "$program" | tee "$work/child"
	grep '^0x[0-9a-f]*: ' "$work/child" | diff "$work/child-said" - \
		&& test "$(grep -c '^0x.*parent' "$work/child")" -eq 2
}

tap "gdb runs a program that describes its arena" look_at_process
if ! grep -q '^backing' "$work/said"; then
	tap_skip "the gdb commands describe the arena" "no memory can be locked"
	tap_done
	exit
fi
compare "process" "$work/process" "$work/said"
tap "control: another explanation is detected" \
	sees_a_difference "$work/process" "$work/said"
tap "the option --class guarded lists only guarded chunks" lists_guarded
tap "the option --class alone lists only chunks without a slab" lists_alone
tap "the option --limit lists a few chunks and the sums of all" lists_two
tap "a slot in a cache is marked" grep -q "(a thread's cache has it)" \
	"$work/process"
tap "the output of gdb contains no secret" has '-ge 0' '-eq 0' "$work/process"
tap "the script refuses to read pools, guarded cells and the key page" \
	refuses_pools

look_at_core "$work/gcore" "$work/said" "$work/output-gcore"
compare "core by gcore" "$work/output-gcore" "$work/said"
tap "core by gcore: the commands say that it has no pools" \
	grep -q 'pools are left out of it' \
	"$work/output-gcore"
tap "core by gcore: it has no secret, but has memory from malloc" \
	has '-ge 1' '-eq 0' \
	"$work/gcore"
tap "gcore writes a core of an arena of default sizes" gcore_of default
tap "core by gcore: it has at most 10 MB" is_small default
tap "control: the process has mapped more than 1 GB" has_mapped_much default
look_at_core "$work/default-core" "$work/default-said" "$work/output-default"
tap "core by gcore, default sizes: addresses are explained" \
	same_words "$work/output-default" "$work/default-said"
tap "core by gcore, default sizes: the sums are those of secmalloc_stats()" \
	same_sums "$work/output-default" "$work/default-said"
tap "core by gcore, default sizes: the listed chunks are the live ones" \
	same_chunks "$work/output-default" "$work/default-said"
tap "core by gcore, default sizes: it has no secret" \
	has '-ge 1' '-eq 0' "$work/default-core"
describes_hole() {
	write_commands "$work/hole-said"
	run_gdb -ex "run hole > $work/hole-said" -x "$work/commands" \
		"$program" > "$work/hole"
	cat "$work/hole"
	test "$(grep -c ' both  \| grown  ' "$work/hole")" -ge 3
}
tap "gdb runs a program that has given back parts of its arena" describes_hole
tap "holes: addresses are explained" same_words "$work/hole" "$work/hole-said"
tap "holes: the sums are those of secmalloc_stats()" \
	same_sums "$work/hole" "$work/hole-said"
tap "holes: the listed chunks are the live ones" \
	same_chunks "$work/hole" "$work/hole-said"
tap "gcore writes a core of a child without its parents' arenas" \
	gcore_of child child
tap "core by gcore of a child: it has at most 10 MB" is_small child
tap "control: the child has mapped more than 1 GB" has_mapped_much child
write_commands "$work/child-said"
run_gdb -x "$work/commands" "$program" "$work/child-core" \
	> "$work/output-child"
tap "core by gcore of a child: addresses of parents' arenas are explained" \
	says 2 "in the parent's arena" cat "$work/output-child"
tap "gcore writes a core after the arena has grown" gcore_of grown
if grep -q '^backing' "$work/grown-said"; then
	tap "core by gcore: bytes whose metadata it has not are counted" \
		describes_grown
	tap "core by gcore: an address there is explained" \
		explains_grown
	tap "core by gcore: it has no secret after growth" \
		has '-ge 0' '-eq 0' "$work/grown-core"
else
	tap_skip "core by gcore: bytes whose metadata it has not are counted" \
		"too little memory can be locked"
fi
rm -f "$work"/*-core

run_gdb -ex 'secmalloc pools' -ex 'secmalloc chunks' "$program" \
	"$work/whole" > "$work/output-whole"
tap "core with the pools: the commands print a warning" \
	grep -q '^WARNING: this core has' \
	"$work/output-whole"
tap "control: core with the pools: the secret is in it" \
	has '-ge 1' '-ge 1' "$work/whole"
tap "core with the pools: the output of gdb contains no secret" \
	has '-ge 0' '-eq 0' "$work/output-whole"
tap "core without the metadata: the commands name the remedy" \
	each_says "coredump_filter" run_bare_core

# The kernel, unlike gdb, also writes headers for memory that it leaves out.
"$program" core "$work/core" > "$work/core-said" 2> "$work/reason"
case $? in
0)
	look_at_core "$work/core" "$work/core-said" "$work/output-core"
	compare "core by the kernel" "$work/output-core" "$work/core-said"
	tap "core by the kernel: the commands say that it has no pools" \
		grep -q 'pools are left out of it' "$work/output-core"
	tap "core by the kernel: it has no secret, but has memory from malloc" \
		has '-ge 1' '-eq 0' "$work/core"
	rm "$work/bare"
	(echo 0 > /proc/self/coredump_filter \
		&& "$program" core "$work/bare") > "$work/unused"
	tap "core by the kernel without metadata: the remedy is named" \
		each_says \
		"coredump_filter" run_bare_core
	;;
77)
	tap_skip "core by the kernel: the commands describe it" \
		"$(cat "$work/reason")"
	;;
*)
	tap "core by the kernel: it is written" \
		sh -c 'cat "$1"; false' sh "$work/reason"
	;;
esac

tap "without a process the commands say so" \
	each_says "no process and no core" run_gdb
tap "without the library the commands say so" \
	each_says "does not use the library" run_true
tap "without an arena the commands say so" \
	each_says "There is no arena" run_mode none
tap "addresses of the arenas of parent processes are explained" \
	explains_left_behind
tap "with another version of the library the commands say so" \
	each_says "has no field slot_octets" run_other_version
if [ -e "$BUILD_DIR/.libs/libsecmalloc.so.1" ]; then
	mkdir "$work/stripped"
	strip -o "$work/stripped/libsecmalloc.so.1" \
		"$BUILD_DIR/.libs/libsecmalloc.so.1"
	tap "without debugging information the commands name the package" \
		each_says "libsecmalloc1-dbgsym" run_stripped
else
	tap_skip "without debugging information the commands name the package" \
		"no shared library was built"
fi
tap "the command secmalloc lists its subcommands" \
	says 1 "secmalloc explain --" run_gdb -ex secmalloc
tap "an unknown subcommand is refused" \
	says 1 "no command pool_" run_gdb -ex 'secmalloc pool_'
tap_done
