#!/bin/sh
# The examples in doc/MIGRATING.md compile, including those that need other
# libraries' headers, if these are installed. The functions that its tables name
# exist.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

page=$srcdir/doc/MIGRATING.md
CC=${CC:-cc}
make_work
trap 'rm -rf "$work"' EXIT

# Write each block of C to a file of its own, in order.
awk -v work="$work" '/^```/ { inside = $0 == "```c"; n += inside; next }
	inside { print > sprintf("%s/block%02d.c", work, n) }' "$page"

compiles() {
	$CC -Wall -Wextra -Werror -Wno-unused-function -fsyntax-only \
		-I "$srcdir/include" "$1"
}
has_header() {
	echo "#include <$1>" > "$work/probe.c"
	compiles "$work/probe.c" 2> /dev/null
}
# Print each header of another library that a block needs and that is not
# installed.
missing() {
	for header in sodium.h gcrypt.h openssl/crypto.h; do
		! grep -q "<$header>" "$1" || has_header "$header" \
			|| echo "$header"
	done
}
# named COLUMN: print the function names in a column of the tables, one per
# line.
named() {
	awk -F '|' -v column="$1" '/^\|/ { print $column }' "$page" \
		| grep -o '[A-Za-z_0-9]*(' | tr -d '(' | sort -u
}
ours_exist() {
	named 3 > "$work/named"
	test "$(wc -l < "$work/named")" -ge 15 || return 1
	header_names > "$work/header"
	! comm -23 "$work/named" "$work/header" | grep .
}
# Every word of the page that looks like one of ours exists.
words_exist() {
	{
		grep -o '`sec[a-z_]*()`' "$page" | tr -d '`()'
		grep -o 'SECMALLOC_[A-Z_]*' "$page"
	} | sort -u > "$work/words"
	while read -r word; do
		grep -qw "$word" "$srcdir/include/secmalloc.h" \
			|| { echo "$word"; return 1; }
	done < "$work/words"
}
# theirs_exist PREFIX HEADER: the compiler finds these names declared, or
# defined as macros.
theirs_exist() {
	named 2 | grep "^\($1\)_" > "$work/theirs"
	test -s "$work/theirs" || return 1
	{
		echo "#include <$2>"
		while read -r name; do
			printf '#ifndef %s\nvoid *use_%s(void) ' "$name" "$name"
			printf '{ return (void *)%s; }\n#endif\n' "$name"
		done < "$work/theirs"
	} > "$work/theirs.c"
	compiles "$work/theirs.c"
}
try_theirs() {
	if has_header "$2"; then
		tap "the functions of $2 exist" theirs_exist "$1" "$2"
	else
		tap_skip "the functions of $2 exist" "$2 is not installed"
	fi
}
# With the allocation handlers from the page, libgcrypt's secure memory consists
# of chunks.
handlers_work() {
	cat > "$work/main.c" <<-END
	#include <gcrypt.h>
	#include <secmalloc.h>
	void gcrypt_takes_chunks(void);
	int main(void)
	{
		struct secmalloc_config config = {.initial_pools = 1};
		void *p;
		int ours;

		if (secmalloc_init(&config) != 0)
			return 2;
		gcrypt_takes_chunks();
		gcry_check_version(NULL);
		gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
		p = gcry_malloc_secure(32);
		ours = secmalloc_owns(p) && gcry_is_secure(p);
		p = gcry_realloc(p, 4000);
		ours = ours && secmalloc_owns(p);
		gcry_free(p);
		return !ours || secmalloc_owns(p);
	}
	END
	handlers=$(grep -l gcry_set_allocation_handler "$work"/block*.c)
	"$BUILD_DIR/libtool" --mode=link --tag=CC "$CC" -o "$work/handlers" \
		-I "$srcdir/include" "$work/main.c" "$handlers" \
		"$BUILD_DIR/libsecmalloc.la" -lgcrypt -no-install \
		&& "$work/handlers"
}
sees_a_mistake() {
	sed 's/`secstrdup/`secstrdupe/; s/secfree(p)/secfreed(p)/' "$page" \
		> "$work/page.md"
	page=$work/page.md
	! words_exist || ! ours_exist
}

tap "the page has at least eight examples" test -e "$work/block08.c"
for block in "$work"/block*.c; do
	name="example ${block##*/block} compiles"
	if [ -z "$(missing "$block")" ]; then
		tap "$name" compiles "$block"
	else
		tap_skip "$name" "no $(missing "$block" | tr '\n' ' ')"
	fi
done
tap "our functions that the tables name exist" ours_exist
tap "all of our names in the page exist" words_exist
try_theirs sodium sodium.h
try_theirs gcry gcrypt.h
try_theirs 'CRYPTO\|OPENSSL' openssl/crypto.h
if is_sanitized; then
	tap_skip "libgcrypt allocates chunks through the page's handlers" \
		"needs a build without sanitizers"
elif missing=$(why_no_exec) && [ -n "$missing" ]; then
	tap_skip "libgcrypt allocates chunks through the page's handlers" \
		"$missing"
elif has_header gcrypt.h; then
	tap "libgcrypt allocates chunks through the page's handlers" \
		handlers_work
else
	tap_skip "libgcrypt allocates chunks through the page's handlers" \
		"libgcrypt is not installed"
fi
tap "control: a wrong name is detected" sees_a_mistake
tap_done
