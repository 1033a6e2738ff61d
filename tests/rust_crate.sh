#!/bin/sh
# The tests of the crate bindings/rust pass with the library of this build, and
# its compiler, clippy and rustdoc have no warning.
#
# Normally this is one pass: with the cargo that configure found, the shared
# library, and without what needs an unstable compiler. With RUST_MATRIX=full,
# which "make check-rust" sets, there is a pass for each cargo of this machine, the
# shared and the static library, and each set of features. Then the examples in
# the documents, each of which is compiled by itself, are tested too.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

. "$srcdir/tests/rust.sh"

tab=$(printf '\t')
threads=$(getconf _NPROCESSORS_ONLN)
test "$threads" -gt 1 || threads=2

# The tests that this machine cannot run, and why.
skipped=
# skip_test NAME WHY
skip_test() {
	tap_skip "$1" "$2"
	skipped="$skipped --skip $1"
}
# shellcheck disable=SC3045
test "$(ulimit -H -c)" != 0 \
	|| skip_test the_soft_limit_of_core_dumps \
		"RLIMIT_CORE cannot be raised from 0"

# Print each result of a run of cargo test: ok, FAILED or SKIP, the name of the
# test, and the reason for SKIP. libtest knows no such result, so a test that
# cannot run prints "NAME: SKIPPED: REASON" before it ends well. A test without
# libtest prints "NAME: ok".
results() {
	awk '
	function tell(word, test, why) {
		print word "\t" file ": " test "\t" why
		delete reasons[test]
	}
	function end_of_file(  test) {
		for (test in reasons)
			tell(file == "tests/" test ".rs" ? "SKIP" : "unknown",
				test, reasons[test])
	}
	/^ *Running |^ *Doc-tests / {
		end_of_file()
		file = $2 == "unittests" ? $3 : $2
		# Each test that needs the arena has a reason of its own.
		no_arena = "no arena: SKIPPED: "
	}
	/^ *Doc-tests / { file = "documents" }
	index($0, no_arena) == 1 { next }
	match($0, /^[a-z_:]*: SKIPPED: /) {
		test = substr($0, 1, RLENGTH - 11)
		if (!(test in reasons))
			reasons[test] = substr($0, RLENGTH + 1)
	}
	/^[a-z_]*: ok$/ { tell("ok", substr($0, 1, length($0) - 4)) }
	/^test .* \.\.\. / {
		word = $NF
		sub(/^test /, "")
		sub(/ \.\.\. .*/, "")
		if ($0 in reasons && word == "ok")
			tell("SKIP", $0, reasons[$0])
		else
			tell(word, $0)
	}
	END { end_of_file() }' "$work/output"
}

# run_tests NAME TARGETS: report the result of each test of the crate. The sums
# that cargo prints show that none is missing.
run_tests() {
	test "$2" = --doc || in_crate cargo test --offline --locked --no-run \
		"$2" --features "$features" > "$work/output" 2>&1
	# With one thread libtest prints a name before the test, and the result
	# after it.
	locked=$reader
	# shellcheck disable=SC2086 # words
	in_crate cargo test --offline --locked --no-fail-fast "$2" \
		--features "$features" -- --test-threads="$threads" $skipped \
		> "$work/output" 2>&1
	status=$?
	locked=
	results > "$work/results"
	while IFS="$tab" read -r word test reason; do
		case $word in
		ok) tap "$1: $test" true ;;
		SKIP) tap_skip "$1: $test" "$reason" ;;
		ignored*) tap_skip "$1: $test" "marked as ignored" ;;
		unknown) tap "$1: $test is a test that is skipped" false ;;
		*) tap "$1: $test" told "${test#*: }" ;;
		esac
	done < "$work/results"
	tap "$1: cargo test ends well, and tells of each test" all_told
}
# told TEST: print what cargo printed about a test that failed.
told() {
	awk -v test="---- ${1% - *fail} stdout ----" '
		/^----/ { on = $0 == test }
		/^failures:/ { on = 0 }
		on' "$work/output"
	false
}
all_told() {
	sum=$(awk '/^test result: / { n += $4 + $6 + $8 } END { print n + 0 }' \
		"$work/output")
	count=$(grep -c '^test .* \.\.\. ' "$work/output")
	echo "exit status $status; $count results of $sum"
	test "$status" -eq 0 && test "$count" -gt 0 \
		&& test "$count" -eq "$sum" && return
	grep -v '^test .* ok$' "$work/output"
	return 1
}

# lint NAME: what does not depend on the library.
lint() {
	if in_crate cargo clippy --version > /dev/null 2>&1; then
		tap "$1: clippy has no warning" in_crate cargo clippy --offline \
			--locked --all-targets --features "$features,example-signer" \
			-- -D warnings
	else
		tap_skip "$1: clippy has no warning" "clippy is not installed"
	fi
	tap "$1: rustdoc has no warning" in_crate RUSTDOCFLAGS="-D warnings" \
		cargo doc --offline --locked --no-deps --features "$features"
}

# documents_compile NAME: the blocks of Rust in the documents compile and run.
documents_compile() {
	for page in README.md bindings/rust/README.md doc/MIGRATING.md; do
		sed -n '/^```rust$/,/^```$/p' "$srcdir/$page" > "$work/page.md"
		tap "$1: the examples in $page compile and run" \
			runs_examples "$work/page.md"
	done
}
# rustdoc gets the library that cargo has built.
runs_examples() {
	grep -q '^```rust' "$1" || { echo "no example"; return 1; }
	library=$(ls -t "$built/$version-$linkage/debug/deps"/libsecmalloc-*.rlib)
	in_crate rustdoc --edition 2021 --test "$1" -L "$BUILD_DIR/.libs" \
		--extern secmalloc="$(echo "$library" | head -n 1)"
}

# Print the cargos of this machine, each once.
cargos() {
	for cargo in "$CARGO" /usr/bin/cargo "${HOME:-}/.cargo/bin/cargo"; do
		test ! -x "$cargo" || echo "$cargo"
	done | awk '!seen[$0]++'
}

tap "pkg-config is told of this build" write_pc
if [ "${RUST_MATRIX:-}" != full ]; then
	use_cargo "$CARGO"
	run_tests "Rust $version" --all-targets
	tap_done
	exit
fi

for cargo in $(cargos); do
	use_cargo "$cargo"
	for features in "$features" "$features,allocator-api"; do
		name="Rust $version, features ${features#,}"
		linkage=shared
		lint "$name"
		for linkage in shared static; do
			suffix=so
			test $linkage = shared || suffix=a
			if has_library $suffix; then
				run_tests "$name, $linkage" --all-targets
			else
				tap_skip "$name, $linkage" \
					"this build has no such library"
			fi
		done
	done
	linkage=shared
	has_library so || linkage=static
	run_tests "$name, documents" --doc
	documents_compile "$name"
done
tap_done
