#!/bin/sh
# bindings/rust/src/sys.rs declares what include/secmalloc.h declares, and nothing
# else: each constant, field and function, with the same value, type, size and
# offset.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

make_work_to_run
trap 'rm -rf "$work"' EXIT
CC=${CC:-cc}
top=$(cd "$srcdir" && pwd)
header=$top/include/secmalloc.h
sys=$top/bindings/rust/src/sys.rs

# ---- Lists --------------------------------------------------------------------

# Each list has lines of these kinds:
#     const NAME
#     field STRUCTURE NAME
#     function NAME

# Macros are constants unless they are empty, take arguments or are attributes.
list_header() {
	{
		# shellcheck disable=SC2086 # CC may have flags
		$CC -E -dM "$header" | sed -n '/ __attribute__/d
			s/^#define \(SECMALLOC_[A-Z0-9_]*\) ..*/const \1/p'
		# shellcheck disable=SC2086
		$CC -E -P "$header" | tr '\n\t' '  ' | sed 's/[;{}]/\n/g' | awk '
			/^ *enum secmalloc_[a-z_]* *$/ { in_enum = 1; next }
			in_enum {
				in_enum = 0
				n = split($0, values, ",")
				for (i = 1; i <= n; i++)
					if (split(values[i], word, /[ =]+/))
						print "const " \
							word[word[1] == "" ? 2 : 1]
				next
			}
			/^ *struct secmalloc_[a-z_]* *$/ { of = $2; next }
			of != "" && NF == 0 { of = ""; next }
			of != "" {
				gsub(/\[.*\]/, "")
				if (sub(/.*\( *\*/, ""))
					sub(/\).*/, "")
				print "field " of " " $NF
				next
			}
			match($0, /sec[a-z_]*\(/) {
				print "function " \
					substr($0, RSTART, RLENGTH - 1)
			}'
	} | sort
}

# Print the declarations of sys.rs, one per line, without comments and
# attributes, and with one blank between words.
rust_lines() {
	sed 's,//.*,,; s/^ *#!\{0,1\}\[.*\]//' "$sys" | tr '\n' ' ' \
		| sed 's/  */ /g; s/\[\([^];]*\); \([^]]*\)\]/[\1:\2]/g
			s/[;{}]/&\n/g'
}
# A type may contain commas, but only in parentheses.
rust_items() {
	rust_lines | awk '
	function fields(text,  depth, i, c, word) {
		for (i = 1; i <= length(text); i++) {
			c = substr(text, i, 1)
			depth += (c == "(") - (c == ")")
			if (c == "," && !depth) {
				field(word)
				word = ""
			} else
				word = word c
		}
		field(word)
	}
	function field(text) {
		if (match(text, /pub [a-z_]*: /))
			print "field " of " " \
				substr(text, RSTART + 4, RLENGTH - 6) " " \
				substr(text, RSTART + RLENGTH)
	}
	/^ *pub type / {
		sub(/^ *pub type /, "")
		sub(/;$/, "")
		sub(/ = /, " ")
		print "alias " $0
	}
	/^ *pub const / {
		sub(/^ *pub const /, "")
		sub(/:.*/, "")
		print "const " $0
	}
	/^ *pub struct / { of = $3; next }
	of != "" {
		sub(/}$/, "")
		fields($0)
		of = ""
		next
	}
	match($0, /pub fn [a-z_]*/) {
		name = substr($0, RSTART + 7, RLENGTH - 7)
		sub(/^[^(]*/, "")
		sub(/;$/, "")
		print "function " name " " $0
	}'
}
list_rust() {
	rust_items | awk '$1 != "alias" {
		print $1, $2, $1 == "field" ? $3 : "" }' \
		| sed 's/ $//' | sort
}

same_names() {
	list_header > "$work/names.c" && list_rust > "$work/names.rs"
	# All kinds were found.
	test "$(cut -d ' ' -f 1 "$work/names.c" | uniq | wc -l)" -eq 3 || return 1
	diff "$work/names.c" "$work/names.rs"
}

# ---- Types --------------------------------------------------------------------

# Declare each function and each type of a field once more, in C, as sys.rs has
# it. The compiler refuses a declaration that contradicts the header.
c_of_rust() {
	# uint64_t and size_t may be one type, but not on every processor.
	echo '#include <stddef.h>'
	echo '#include <stdint.h>'
	echo '#define size_t signed char'
	echo '#include <secmalloc.h>'
	rust_items | awk '
	BEGIN {
		split("usize size_t c_uint unsigned c_int int c_char char " \
			"c_void void u64 uint64_t u32 uint32_t u8 uint8_t", w)
		for (i = 1; i in w; i += 2)
			simple[w[i]] = w[i + 1]
	}
	function c(type) {
		gsub(/^ +| +$/, "", type)
		if (sub(/^\*const /, "", type))
			return "__typeof__(const " c(type) " *)"
		if (sub(/^\*mut /, "", type))
			return "__typeof__(" c(type) " *)"
		if (type ~ /^\[/) {
			gsub(/^\[|\]$/, "", type)
			split(type, part, ":")
			return "__typeof__(" c(part[1]) "[" part[2] "])"
		}
		if (type ~ /^Option<.*fn *\(.*>$/) {
			sub(/^Option<.*fn *\(/, "(", type)
			sub(/>$/, "", type)
			return "__typeof__(" signature(type, "(*)") ")"
		}
		if (type in simple)
			return simple[type]
		sub(/.*::/, "", type)
		if (type in simple)
			return simple[type]
		return "struct " type
	}
	# Parameters may have names.
	function signature(text, name,  returns, parameters, n, i, p, list) {
		returns = "void"
		if (match(text, /\) -> /)) {
			returns = c(substr(text, RSTART + 5))
			text = substr(text, 1, RSTART)
		}
		gsub(/^ *\(|\) *$/, "", text)
		n = split(text, p, ",")
		for (i = 1; i <= n; i++) {
			sub(/^ *[a-z_]*: /, "", p[i])
			if (p[i] ~ /[a-z]/)
				list = list (list == "" ? "" : ", ") c(p[i])
		}
		return returns " " name "(" (list == "" ? "void" : list) ")"
	}
	$1 == "alias" { simple[$2] = c($3) }
	$1 == "field" {
		type = $0
		sub(/^field [^ ]* [^ ]* /, "", type)
		printf "_Static_assert(__builtin_types_compatible_p(" \
			"__typeof__(((struct %s *)0)->%s), %s), " \
			"\"the type of %s.%s\");\n", $2, $3, c(type), $2, $3
	}
	$1 == "function" {
		type = $0
		sub(/^function [^ ]* /, "", type)
		print signature(type, $2) ";"
	}'
}
same_types() {
	c_of_rust > "$work/types.c"
	# shellcheck disable=SC2086
	$CC -std=gnu11 -fsyntax-only -I"${header%/*}" "$work/types.c"
}

# ---- Values -------------------------------------------------------------------

# Print each constant, size and offset of one list, in C and in Rust.
values_in_c() {
	{
		echo '#include <secmalloc.h>'
		echo '#include <stdio.h>'
		echo '#define N(x) (unsigned long long)(x)'
		echo 'int main(void) {'
		awk '$1 == "const" {
			printf "printf(\"%s %%llu\\n\", N(%s));\n", $2, $2
		}
		$1 == "field" {
			if (!seen[$2]++)
				printf "printf(\"%s %%zu %%zu\\n\", " \
					"sizeof(struct %s), " \
					"_Alignof(struct %s));\n", $2, $2, $2
			printf "printf(\"%s.%s %%zu %%zu\\n\", __builtin_" \
				"offsetof(struct %s, %s), sizeof(((struct %s" \
				" *)0)->%s));\n", $2, $3, $2, $3, $2, $3
		}' "$1"
		echo 'return 0; }'
	} > "$work/values.c"
	# shellcheck disable=SC2086
	$CC -std=gnu11 -I"${header%/*}" -o "$work/values_c" "$work/values.c" \
		&& "$work/values_c"
}
values_in_rust() {
	{
		echo '#[allow(dead_code)]'
		echo "#[path = \"$sys\"] mod sys;"
		echo 'use std::mem::{align_of, size_of, MaybeUninit};'
		echo 'fn size<T>(_: *const T) -> usize { size_of::<T>() }'
		echo 'fn main() {'
		awk '$1 == "const" {
			printf "println!(\"%s {}\", sys::%s as u64);\n", $2, $2
		}
		$1 == "field" {
			if (!seen[$2]++)
				printf "let u = MaybeUninit::<sys::%s>" \
					"::uninit(); let at = u.as_ptr(); " \
					"println!(\"%s {} {}\", size_of" \
					"::<sys::%s>(), align_of::<sys::%s>" \
					"());\n", $2, $2, $2, $2
			printf "let f = unsafe { std::ptr::addr_of!((*at).%s)" \
				" }; println!(\"%s.%s {} {}\", f as usize - " \
				"at as usize, size(f));\n", $3, $2, $3
		}' "$1"
		echo '}'
	} > "$work/values.rs"
	"$rustc" --edition 2021 -C opt-level=0 -o "$work/values_rs" \
		"$work/values.rs" && "$work/values_rs"
}
same_values() {
	list_header > "$work/names"
	values_in_c "$work/names" > "$work/values.c.out" || return 1
	values_in_rust "$work/names" > "$work/values.rs.out" || return 1
	test -s "$work/values.c.out" \
		&& diff "$work/values.c.out" "$work/values.rs.out"
}

# ---- Controls -----------------------------------------------------------------

# sees WHAT CHECK FILE EXPRESSION: the check fails, and prints WHAT, with a copy
# of the file that sed has changed.
sees() {
	cp "$3" "$work/before" && chmod u+w "$work/before"
	sed "$4" "$work/before" > "$work/${3##*/}"
	! cmp -s "$work/before" "$work/${3##*/}" \
		|| { echo "nothing changed: $4"; return 1; }
	header_before=$header sys_before=$sys
	case $3 in
	*.h) header=$work/${3##*/} ;;
	*.rs) sys=$work/${3##*/} ;;
	esac
	! "$2" > "$work/seen" 2>&1
	result=$?
	header=$header_before sys=$sys_before
	cat "$work/seen"
	test "$result" -eq 0 && grep -q -e "$1" "$work/seen"
}

tap "sys.rs has the names of secmalloc.h, and no others" same_names
tap "its functions and fields have the types of secmalloc.h" same_types
tap "control: a macro that is added to the header is missed" \
	sees '^< const SECMALLOC_ADDED' same_names "$header" \
	's/^#define SECMALLOC_CHECK_WHOLE.*/&\n#define SECMALLOC_ADDED 0x80u/'
tap "control: so is a value of an enumeration" \
	sees '^< const SECMALLOC_ADDED' same_names "$header" \
	's/SECMALLOC_READONLY,/& SECMALLOC_ADDED = 9,/'
tap "control: so is a field" \
	sees '^< field secmalloc_config added' same_names "$header" \
	's/^	size_t reserved\[4\];/	size_t added; size_t reserved[3];/'
tap "control: so is a field that is a function" \
	sees '^< field secmalloc_config added' same_names "$header" \
	's/^	size_t reserved/	void (*added)(void);\n&/'
tap "control: so is a function" \
	sees '^< function secmalloc_added' same_names "$header" \
	's/^SECMALLOC_API void secmalloc_wipe/SECMALLOC_API int secmalloc_added(void);\n&/'
tap "control: a constant that is only in sys.rs is detected" \
	sees '^> const SECMALLOC_ADDED' same_names "$sys" \
	's/^pub const SECMALLOC_CHECK_WHOLE/pub const SECMALLOC_ADDED: c_uint = 1;\n&/'
tap "control: a parameter of another type is detected" \
	sees "conflicting types for .secmalloc_wipe" same_types "$header" \
	's/secmalloc_wipe(void \*p, size_t size)/secmalloc_wipe(void *p, int size)/'
tap "control: a result of another type is detected" \
	sees "conflicting types for .secmalloc_owns" same_types "$header" \
	's/int secmalloc_owns/long secmalloc_owns/'
tap "control: a field of another type is detected" \
	sees 'the type of secmalloc_config.flags' same_types "$header" \
	's/^	unsigned flags;/	int flags;/'

rustc=rustc
test -z "${CARGO:-}" || PATH=${CARGO%/*}:$PATH
missing=${RUST_MISSING:-$(why_not rustc --version)}
if [ -n "$missing" ]; then
	tap_skip "constants, sizes and offsets have the same values" "$missing"
else
	tap "constants, sizes and offsets have the same values" same_values
	tap "control: another value of a constant is detected" \
		sees '^[<>] SECMALLOC_CHECK_WHOLE 3' same_values "$header" \
		's/\(SECMALLOC_CHECK_WHOLE\) *0x1u/\1 0x3u/'
	tap "control: fields in another order are detected" \
		sees '^[<>] secmalloc_config.flags' same_values "$header" \
		's/^	unsigned version;//; s/^	unsigned flags;/	unsigned version, flags;/'
fi
tap_done
