# SPDX-License-Identifier: ISC
"""gdb commands that show the arena of secmalloc in a process or a core.

They read the library's metadata with the help of its debugging information.
They call nothing in the process. They never read the pools: Memory.read()
enforces that.
"""

import bisect
import re
import struct

import gdb
import gdb.types

# ---- What the script knows of lib/ ----------------------------------------

# CURRENT is the variable with the pointer to the arena; its structure has the
# same name. LEFT_BEHIND is the static variable with the records of the addresses
# of the parents' arenas.
CURRENT = "smi_current"
LEFT_BEHIND = "left"

# The structures, with the fields that are read. If one is renamed, change it
# here and where it is read. A library without one of the fields is refused.
ARENA = "smi_arena"
SLAB = "smi_slab"
RECORDS = "records"
FIELDS = {
    CURRENT: ("arena",),
    ARENA: ("metadata", "metadata_bytes", "initial_pools", "initial_bytes",
            "pools", "runs", "slabs", "guarded"),
    "smi_pools": ("geometry", "reservation", "mapped_bytes", "base", "start",
                  "used", "count", "bytes", "secret", "table"),
    "smi_pool": ("first", "pages"),
    "smi_geometry": ("page_bytes", "pool_bytes", "joined", "stride_shift",
                     "max_pools", "reserve_bytes"),
    "smi_runs": ("units_shift", "notes", "heads"),
    "smi_slabs": ("partial",),
    SLAB: ("slot_bytes", "slots", "class"),
    "smi_guarded": ("pools", "cells", "free"),
    "smi_free_cells": ("count",),
    "smi_cell": ("size", "state", "access"),
}
RECORDS_FIELDS = ("all", "count")

# Constants that debugging information does not have.
NONE = 0xffffffff                    # SMI_NONE
NOTES_BYTES = 128                    # SMI_UNIT_NOTES_BYTES
ALIGN_BYTES = 16                     # SMI_ALIGN_BYTES
ENTRY_FREE, ENTRY_CACHED = 0, 1      # SMI_ENTRY_
CELL_FREE, CELL_TAKING = 0, 1        # SMI_CELL_: a cell without a chunk
NOACCESS, READONLY, READWRITE = 0, 1, 2  # SECMALLOC_NOACCESS ...

# ---- Words ----------------------------------------------------------------

OLD_GDB = "secmalloc: this gdb is too old. The commands need gdb 10 or later."
NO_PROCESS = """\
secmalloc: no process and no core. Start the program, attach to it, or load \
a core."""
NO_LIBRARY = """\
secmalloc: this program does not use the library, or has yet to load it."""
NO_DEBUG_INFO = """\
secmalloc: the library has no debugging information, or gdb has not found the \
library (see "info sharedlibrary"). To get the debugging information of this \
build of the library:
Debian:  install libsecmalloc1-dbgsym
Fedora:  dnf debuginfo-install secmalloc
with debuginfod: set debuginfod enabled on
otherwise: build the library with -g, and do not strip it"""
OTHER_VERSION = """\
secmalloc: this script is not for the version of the library that the program \
uses: struct {} has no field {}. Use the script of that version."""
NOT_IN_CORE = """\
secmalloc: the library's metadata are not in this core (0x{:x} is missing). \
They are private memory of the process. Set bit 0 of \
/proc/PID/coredump_filter before the core is made (see core(5)), and make \
sure that the core is not truncated."""
UNREADABLE = "secmalloc: the library's metadata at 0x{:x} cannot be read."
CHANGING = """\
secmalloc: the metadata at 0x{:x} are inconsistent. They are damaged, or the \
process was stopped while it changed them: let it run for a moment and try \
again."""
NO_ARENA = "There is no arena: secmalloc_init() was not called, or \
secmalloc_fini() was, or this is a child without its parent's arena."
POOLS_ABSENT = """\
This is a core, and the pools are left out of it: it has the library's \
metadata, but no chunk."""
LEFT_OUT = """\
This core has no metadata of {} bytes of the pools, so the chunks there are \
not listed or counted. It has those of the initial pools and of the first bytes \
that were added."""
POOLS_PRESENT = """\
WARNING: this core has {} bytes of the pools. Treat it as a secret."""
ACCESS = {
    NOACCESS: ", which is closed",
    READONLY: ", which is open for reading only",
    READWRITE: "",
}


def fail(words, *arguments):
    """End the command with words, and without a traceback."""
    raise gdb.GdbError(words.format(*arguments))


# ---- Memory ---------------------------------------------------------------


def core_segments():
    """The memory that the core has, as sorted pairs of start and end.

    None if there is no core.
    """
    sections = gdb.execute("maint info sections", to_string=True)
    found = sorted(
        (int(start, 16), int(end, 16), "HAS_CONTENTS" in flags)
        for start, end, flags in re.findall(
            r"0x([0-9a-f]+)->0x([0-9a-f]+) at 0x[0-9a-f]+: load\d(.*)",
            sections))
    if not found:
        return None
    joined = []
    for start, end, is_there in found:
        if not is_there:
            continue
        if joined and joined[-1][1] == start:
            start = joined.pop()[0]
        joined.append((start, end))
    return joined


class Memory:
    """The memory of the process or of the core, except the pools."""

    def __init__(self):
        self.segments = core_segments()
        self.closed = range(0)
        short = gdb.lookup_type("unsigned short")
        is_little = int(gdb.Value(b"\1\0", short)) == 1
        self.order = "<" if is_little else ">"

    def is_core(self):
        return self.segments is not None

    def close(self, start, size):
        """Read nothing there from now on."""
        self.closed = range(start, start + size)

    def has(self, start, end):
        """Whether the core has all of a range. gdb would read missing parts
        from files."""
        at = bisect.bisect_right(self.segments, (start, float("inf"))) - 1
        return at >= 0 and end <= self.segments[at][1]

    def length_from(self, start):
        """How many bytes from an address on the core has."""
        at = bisect.bisect_right(self.segments, (start, float("inf"))) - 1
        return max(0, self.segments[at][1] - start) if at >= 0 else 0

    def count_in_core(self, where):
        """How many bytes of a range are in the core."""
        return sum(
            max(0, min(end, where.stop) - max(start, where.start))
            for start, end in self.segments)

    def read(self, start, size):
        end = start + size
        if start < self.closed.stop and end > self.closed.start:
            fail("secmalloc: refused to read 0x{:x}, in the pools", start)
        if self.is_core() and not self.has(start, end):
            fail(NOT_IN_CORE, start)
        try:
            return bytes(gdb.selected_inferior().read_memory(start, size))
        except gdb.MemoryError:
            fail(NOT_IN_CORE if self.is_core() else UNREADABLE, start)

    def value(self, start, kind):
        """The value at an address, made of a copy of its bytes: access to
        its fields reads no more memory."""
        return gdb.Value(self.read(start, kind.sizeof), kind)

    def values(self, start, kind, count):
        if count == 0:
            return []
        array = self.value(start, kind.array(count - 1))
        return [array[i] for i in range(count)]

    def integers(self, start, size, count):
        """Unsigned integers of `size` bytes."""
        code = {2: "H", 4: "I"}[size]
        return struct.unpack(f"{self.order}{count}{code}",
                             self.read(start, size * count))


# ---- The library ----------------------------------------------------------


def find_current():
    """The variable of each copy of the library in the program."""
    for objfile in gdb.objfiles():
        symbol = objfile.lookup_global_symbol(CURRENT)
        if symbol is not None:
            yield symbol.value()


def check_fields(tag):
    kind = gdb.lookup_type("struct " + tag)
    for field in FIELDS[tag]:
        if not gdb.types.has_field(kind, field):
            fail(OTHER_VERSION, tag, field)


def has_library():
    try:
        gdb.parse_and_eval("&secmalloc_init")
    except gdb.error:
        return False
    return True


def fail_without_variables(memory):
    """Say why there is no variable. In a core without private memory gdb does
    not find the shared libraries; such a core does not have the stack either.
    """
    if memory.is_core():
        stack = int(gdb.parse_and_eval("$sp"))
        if not memory.has(stack, stack + 1):
            fail(NOT_IN_CORE, stack)
    fail(NO_DEBUG_INFO if has_library() else NO_LIBRARY)


def find_arena(memory):
    """The arena, or None if there is none."""
    variables = list(find_current())
    if not variables:
        fail_without_variables(memory)
    for tag in FIELDS:
        check_fields(tag)
    for variable in variables:
        state = memory.value(int(variable.address), variable.type)
        if int(state["arena"]) != 0:
            return Arena(memory, int(state["arena"]))
    return None


def find_left_behind():
    """Skip variables of the same name in other parts of the program, and
    those without an address, which link-time optimization leaves."""
    for symbol in gdb.lookup_static_symbols(LEFT_BEHIND):
        kind = symbol.type.strip_typedefs()
        if kind.code == gdb.TYPE_CODE_STRUCT and kind.tag == RECORDS \
                and all(gdb.types.has_field(kind, field)
                        for field in RECORDS_FIELDS) \
                and symbol.value().address is not None:
            yield symbol.value()


def left_behind(memory):
    """The addresses that are reserved for arenas of the process's
    parents."""
    for variable in find_left_behind():
        records = memory.value(int(variable.address), variable.type)
        kind = records["all"].type.target()
        for i in range(int(records["count"])):
            record = memory.value(int(records["all"]) + i * kind.sizeof, kind)
            start = int(record["at"])
            if not record["taken"]:
                yield range(start, start + int(record["bytes"]))


class Pools:
    """struct smi_pools: those of the arena, or the guarded cells."""

    def __init__(self, memory, value):
        self.geometry = value["geometry"]
        self.stride = 1 << int(self.geometry["stride_shift"])
        self.page_bytes = int(self.geometry["page_bytes"])
        self.is_joined = bool(self.geometry["joined"])
        start = int(value["reservation"])
        self.addresses = range(start,
                               start + int(self.geometry["reserve_bytes"]))
        self.key_page = int(value["base"]) + self.page_bytes
        self.first = int(value["start"])
        self.used = int(value["used"])
        self.count = int(value["count"])
        self.bytes = int(value["bytes"])
        table = value["table"]
        self.table = [(int(entry["first"]),
                       int(entry["pages"]) * self.page_bytes)
                      for entry in memory.values(
                          int(table), table.type.target(), self.used)]

    def numbers(self):
        return [i for i, (_, size) in enumerate(self.table) if size > 0]

    def start_of(self, pool):
        return self.first + pool * self.stride

    def bytes_of(self, pool):
        return self.table[pool][1]

    def end_of(self, pool):
        return self.start_of(pool) + self.bytes_of(pool)

    def pool_at(self, stride):
        """The pool of a stride, or NONE."""
        return self.table[stride][0] if 0 <= stride < self.used else NONE

    def find(self, address):
        """Whether an address is in a pool, and in which, or after which."""
        stride = (address - self.first) // self.stride
        pool = self.pool_at(stride)
        if pool != NONE:
            return address < self.end_of(pool), pool
        before = self.pool_at(stride - 1)
        if before != NONE and self.end_of(before) != self.start_of(stride):
            before = NONE
        return False, before

    def next_to(self, pool):
        return min((i for i in self.numbers() if pool == NONE or i > pool),
                   default=NONE)


class Slab:
    """The slots of a run of units, and what is in each."""

    def __init__(self, arena, start, units, notes):
        value = arena.memory.value(notes, arena.slab_type)
        self.start = start
        self.slot_bytes = int(value["slot_bytes"])
        self.slots = int(value["slots"])
        self.is_alone = int(value["class"]) == arena.classes
        if self.slots * self.slot_bytes > units << arena.unit_shift \
                or self.slots == 0 or self.slot_bytes < ALIGN_BYTES:
            fail(CHANGING, notes)
        self.entries = arena.memory.integers(notes + arena.slab_type.sizeof,
                                             2, self.slots)

    def slot_of(self, address):
        """The slot that holds an address, or None in the tail."""
        slot = (address - self.start) // self.slot_bytes
        return slot if slot < self.slots else None

    def chunks(self):
        """The address and the size of each live chunk."""
        for slot, entry in enumerate(self.entries):
            if entry > ENTRY_CACHED:
                yield (self.start + slot * self.slot_bytes,
                       self.slot_bytes - entry)

    def kind(self):
        return "alone" if self.is_alone else str(self.slot_bytes)


class Cell:
    """A guarded cell. Its chunk ends at the guard, except for alignment."""

    def __init__(self, end, value):
        self.has_chunk = int(value["state"]) not in (CELL_FREE, CELL_TAKING)
        self.size = int(value["size"])
        self.access = int(value["access"])
        place = (self.size + ALIGN_BYTES - 1) // ALIGN_BYTES * ALIGN_BYTES
        self.chunk = end - max(place, ALIGN_BYTES)


class Arena:
    """struct smi_arena."""

    def __init__(self, memory, address):
        value = memory.value(address, gdb.lookup_type("struct " + ARENA))
        pools = value["pools"]
        memory.close(int(pools["reservation"]), int(pools["mapped_bytes"]))
        self.memory = memory
        self.value = value
        self.metadata = range(
            int(value["metadata"]),
            int(value["metadata"]) + int(value["metadata_bytes"]))
        self.pools = Pools(memory, pools)
        self.is_secret = bool(pools["secret"])
        self.guarded = Pools(memory, value["guarded"]["pools"])
        self.units_shift = int(value["runs"]["units_shift"])
        self.unit_shift = int(self.pools.geometry["stride_shift"]) \
            - self.units_shift
        self.slab_type = gdb.lookup_type("struct " + SLAB)
        self.classes = value["slabs"]["partial"].type.range()[1] + 1

    def heads(self, unit, count):
        """The runs that units belong to."""
        start = int(self.value["runs"]["heads"]) + unit * 4
        return self.memory.integers(start, 4, count)

    def slab(self, run, units):
        return Slab(self, self.pools.first + (run << self.unit_shift), units,
                    int(self.value["runs"]["notes"]) + run * NOTES_BYTES)

    def slab_at(self, address):
        """The slab at an address of a pool, or None."""
        unit = (address - self.pools.first) >> self.unit_shift
        run = self.heads(unit, 1)[0]
        if run == NONE:
            return None
        if run > unit:
            fail(CHANGING, int(self.value["runs"]["heads"]) + unit * 4)
        _, pool = self.pools.find(address)
        end = self.pools.end_of(pool) - self.pools.first
        return self.slab(run, (end >> self.unit_shift) - run)

    def described(self, pool):
        """How many units of a pool, from its start on, have metadata that are
        there. A core has those of the first strides."""
        units = self.pools.bytes_of(pool) >> self.unit_shift
        if not self.memory.is_core():
            return units
        first = pool << self.units_shift
        runs, all_units = self.value["runs"], units
        for name, size in ("heads", 4), ("notes", NOTES_BYTES):
            there = self.memory.length_from(int(runs[name]) + first * size)
            units = min(units, there // size)
        if 0 < units < all_units:
            # The last run may go on.
            run = self.heads(first + units - 1, 1)[0]
            if run != NONE:
                units = max(0, min(units, run - first))
        return units

    def is_described(self, pool, address):
        return address - self.pools.start_of(pool) \
            < self.described(pool) << self.unit_shift

    def bytes_left_out(self):
        """The bytes of the pools whose metadata are not there."""
        return sum(self.pools.bytes_of(pool)
                   - (self.described(pool) << self.unit_shift)
                   for pool in self.pools.numbers())

    def made(self, pool):
        """Whether a pool is initial, grown or both."""
        initial = int(self.value["initial_bytes"])
        if not self.pools.is_joined:
            initial = pool < int(self.value["initial_pools"])
            return "initial" if initial else "grown"
        if pool > 0 or initial == 0:
            return "grown"
        return "both" if self.pools.bytes_of(pool) > initial else "initial"

    def slabs(self, pool):
        """All slabs of a pool whose metadata are there."""
        first = pool << self.units_shift
        heads = self.heads(first, self.described(pool))
        unit = 0
        while unit < len(heads):
            run, begin = heads[unit], unit
            while unit < len(heads) and heads[unit] == run:
                unit += 1
            if run != NONE:
                yield self.slab(first + begin, unit - begin)

    def all_slabs(self):
        for pool in self.pools.numbers():
            yield from self.slabs(pool)

    def cells(self):
        """All guarded cells, by number."""
        array = self.value["guarded"]["cells"]
        values = self.memory.values(int(array), array.type.target(),
                                    self.guarded.used)
        return {i: Cell(self.guarded.end_of(i), values[i])
                for i in self.guarded.numbers()}

    def pool_bytes_in_core(self):
        """How many bytes of the pools, the cells and the key page the core
        has."""
        places = [range(self.pools.key_page,
                        self.pools.key_page + self.pools.page_bytes)]
        for pools in self.pools, self.guarded:
            places += [range(pools.start_of(i), pools.end_of(i))
                       for i in pools.numbers()]
        return sum(map(self.memory.count_in_core, places))


# ---- What an address is: lib/arena/explain.c ------------------------------


def explain_guard(pools, address, pool):
    if 0 <= address - pools.key_page < pools.page_bytes:
        return "in the page of the canary key"
    if address < pools.first:
        return "in the guard before pool 0"
    if pool != NONE:
        return f"in the guard after pool {pool}"
    return "in addresses reserved for further pools"


def explain_slot(slab, address):
    slot = slab.slot_of(address) if slab else None
    if slot is None:
        return "inside free memory", ""
    entry = slab.entries[slot]
    if entry <= ENTRY_CACHED:
        return (f"inside a free slot of {slab.slot_bytes} bytes",
                " (a thread's cache has it)" if entry == ENTRY_CACHED else "")
    at = address - slab.start - slot * slab.slot_bytes
    size = slab.slot_bytes - entry
    if at < size or at == 0:
        return f"byte {at} of a chunk of {size} bytes", ""
    return f"{at - size} bytes past the end of a chunk of {size} bytes", ""


def explain_in_pool(arena, address):
    is_inside, pool = arena.pools.find(address)
    if not is_inside:
        return explain_guard(arena.pools, address, pool)
    if not arena.is_described(pool, address):
        return (f"in a part of pool {pool} whose metadata are not in this "
                "core")
    words, remark = explain_slot(arena.slab_at(address), address)
    return f"{words}, pool {pool}{remark}"


def explain_by_cell(arena, address, before):
    """Name the cell before the guard, unless the next cell is at most a page
    away."""
    guarded, cells = arena.guarded, arena.cells()
    after = guarded.next_to(before)
    if after in cells and cells[after].has_chunk \
            and 0 < guarded.start_of(after) - address <= guarded.page_bytes:
        return before_chunk(cells[after], address)
    cell = cells.get(before)
    if cell and cell.has_chunk:
        return past_chunk(cell, address)
    return "in a guard of the guarded cells"


def before_chunk(cell, address):
    return (f"{cell.chunk - address} bytes before a guarded chunk of "
            f"{cell.size} bytes")


def past_chunk(cell, address):
    return (f"{address - cell.chunk - cell.size} bytes past the end of a "
            f"guarded chunk of {cell.size} bytes")


def explain_in_cell(arena, address):
    is_inside, number = arena.guarded.find(address)
    if not is_inside:
        return explain_by_cell(arena, address, number)
    cell = arena.cells()[number]
    if not cell.has_chunk:
        return "inside a free guarded cell"
    at = address - cell.chunk
    if at < 0:
        words = before_chunk(cell, address)
    elif at < cell.size or at == 0:
        words = f"byte {at} of a guarded chunk of {cell.size} bytes"
    else:
        words = past_chunk(cell, address)
    return words + ACCESS.get(cell.access, "")


def explain(memory, arena, address):
    """The words of secmalloc_explain(3)."""
    if arena and address in arena.guarded.addresses:
        return explain_in_cell(arena, address)
    if arena and address in arena.pools.addresses:
        return explain_in_pool(arena, address)
    if arena and address in arena.metadata:
        return "in the library's metadata"
    if any(address in addresses for addresses in left_behind(memory)):
        return "in the parent's arena, which this child does not have"
    return "not an address of this library"


# ---- Commands -------------------------------------------------------------


def look():
    """The memory, and the arena or None."""
    if not hasattr(gdb, "lookup_static_symbols"):
        fail(OLD_GDB)
    if gdb.selected_inferior().pid == 0:
        fail(NO_PROCESS)
    memory = Memory()
    return memory, find_arena(memory)


def tell_of_core(memory, arena):
    if not memory.is_core():
        return
    there = arena.pool_bytes_in_core()
    print(POOLS_PRESENT.format(there) if there else POOLS_ABSENT)
    left_out = arena.bytes_left_out()
    if left_out:
        print(LEFT_OUT.format(left_out))


def print_table(heads, rows):
    """Rows of words, each column as wide as need be; the last one is text."""
    rows = [heads] + [[str(field) for field in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    for row in rows:
        print(*(field.rjust(width) for field, width in zip(row[:-1], widths)),
              row[-1], sep="  ")


class Secmalloc(gdb.Command):
    """Look at the heap for secrets of a program that uses secmalloc.

The commands work on a process that is stopped and on a core. They need the
library's debugging information. They run nothing in the process, and they
read no chunk."""

    def __init__(self):
        super().__init__("secmalloc", gdb.COMMAND_DATA, prefix=True)

    def invoke(self, argument, from_tty):
        if argument:
            fail("secmalloc: no command {}. Try: help secmalloc", argument)
        gdb.execute("help secmalloc", from_tty)


class Explain(gdb.Command):
    """Say what an address is, in the words of secmalloc_explain(3).

secmalloc explain ADDR

ADDR is any expression: a number, a register, a pointer of the program."""

    def __init__(self):
        super().__init__("secmalloc explain", gdb.COMMAND_DATA,
                         gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        if not argument:
            fail("secmalloc: explain what? Give an address.")
        memory, arena = look()
        address = address_of(argument)
        print(f"0x{address:x}: {explain(memory, arena, address)}")
        if arena:
            tell_of_core(memory, arena)
        else:
            print(NO_ARENA)


def address_of(expression):
    """The value of an expression, or where it lies if it is an array."""
    value = gdb.parse_and_eval(expression)
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY:
        value = value.address
    bits = gdb.lookup_type("void").pointer().sizeof * 8
    return int(value) & ((1 << bits) - 1)


class ListPools(gdb.Command):
    """List the locked pools.

secmalloc pools

free: the bytes outside chunks and their canaries.
cached: of these, the bytes in threads' caches.
made: by secmalloc_init() (initial), later (grown), or both."""

    def __init__(self):
        super().__init__("secmalloc pools", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        memory, arena = look()
        if arena is None:
            print(NO_ARENA)
            return
        tell_of_core(memory, arena)
        rows = list(pool_rows(arena))
        print_table(("pool", "address", "bytes", "free", "cached", "made",
                     "backing"), rows)
        print_sums(arena, rows)


def free_in(arena, pool):
    """The bytes of a pool that are free, and those of them in caches; as
    question marks if they are not known."""
    if arena.described(pool) << arena.unit_shift < arena.pools.bytes_of(pool):
        return "?", "?"
    live = cached = 0
    for slab in arena.slabs(pool):
        in_caches = slab.entries.count(ENTRY_CACHED)
        free = slab.entries.count(ENTRY_FREE)
        cached += in_caches * slab.slot_bytes
        live += (slab.slots - in_caches - free) * slab.slot_bytes
    return arena.pools.bytes_of(pool) - live, cached


def pool_rows(arena):
    for pool in arena.pools.numbers():
        free, cached = free_in(arena, pool)
        yield (pool, f"0x{arena.pools.start_of(pool):x}",
               arena.pools.bytes_of(pool), free, cached, arena.made(pool),
               "secret" if arena.is_secret else "default")


def total(numbers):
    """The sum, or a question mark if not all are known."""
    numbers = list(numbers)
    return "?" if "?" in numbers else sum(numbers)


def print_sums(arena, rows):
    pools, guarded = arena.pools, arena.guarded
    print(f"pools: {pools.count} of at most "
          f"{int(pools.geometry['max_pools'])}, {pools.bytes} bytes, "
          f"{total(row[3] for row in rows)} free, "
          f"{total(row[4] for row in rows)} of them cached")
    print(f"guarded cells: {len(guarded.numbers())}, {guarded.bytes} bytes, "
          f"{int(arena.value['guarded']['free']['count'])} cells free")
    print(f"locked: {pools.bytes + guarded.bytes + pools.page_bytes} bytes "
          "with the page of the canary key")


class ListChunks(gdb.Command):
    """List the live chunks, and sum them up by their size.

secmalloc chunks [--class CLASS] [--limit N]

class: the bytes of the slot that the chunk is in; or `alone`, if it is larger
than any slot; or `guarded`.
--limit: list so many at most; the sums are of all."""

    def __init__(self):
        super().__init__("secmalloc chunks", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        wanted, limit = parse_options(gdb.string_to_argv(argument))
        memory, arena = look()
        if arena is None:
            print(NO_ARENA)
            return
        tell_of_core(memory, arena)
        chunks = [chunk for chunk in all_chunks(arena)
                  if wanted in (None, chunk[2])]
        print_table(("address", "bytes", "class"),
                    [(f"0x{at:x}", size, kind + access)
                     for at, size, kind, access in chunks[:limit]])
        if limit is not None and limit < len(chunks):
            print(f"{len(chunks) - limit} more")
        print_sizes([size for _, size, _, _ in chunks])


def parse_options(words):
    """The class and the limit, each None if it is not given."""
    wanted = limit = None
    while words:
        option = words.pop(0)
        if option == "--class" and words:
            wanted = words.pop(0)
        elif option == "--limit" and words and words[0].isdigit():
            limit = int(words.pop(0))
        else:
            fail("secmalloc: what is {}? Try: help secmalloc chunks", option)
    return wanted, limit


def all_chunks(arena):
    """The address, the size, the class and the access of each live chunk."""
    for slab in arena.all_slabs():
        for at, size in slab.chunks():
            yield at, size, slab.kind(), ""
    for cell in arena.cells().values():
        if cell.has_chunk:
            yield (cell.chunk, cell.size, "guarded",
                   ACCESS.get(cell.access, ""))


def print_sizes(sizes):
    counts = {}
    for size in sizes:
        counts[size] = counts.get(size, 0) + 1
    print()
    print_table(("bytes", "chunks", "sum"),
                [(size, counts[size], size * counts[size])
                 for size in sorted(counts)])
    print(f"chunks: {len(sizes)}, {sum(sizes)} bytes")


Secmalloc()
Explain()
ListPools()
ListChunks()
