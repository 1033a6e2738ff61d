#!/bin/sh
# Runs cargo for a suite, with the library of this build. Source this file after
# tap.sh.
#
# SPDX-License-Identifier: ISC

is_sanitized && tap_skip_all "needs a build without sanitizers"
CARGO=${CARGO:-$(command -v cargo)}
missing=${RUST_MISSING:-$(why_not "${CARGO:-cargo}" --version)}
test -z "$missing" || tap_skip_all "$missing"
make_work_to_run
# shellcheck disable=SC2154 # make_work_to_run sets it
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2154 # tap.sh sets it
crate=$(cd "$srcdir/bindings/rust" && pwd)

# What cargo builds is kept in the build directory for the next run.
built=$BUILD_DIR/tests/rust
mkdir -p "$built" 2> /dev/null && test -w "$built" || built=$work/rust
# Nothing is downloaded, and nothing is written to the sources or to a home.
CARGO_NET_OFFLINE=true
CARGO_HOME=$work/home
CARGO_INCREMENTAL=0
RUSTUP_HOME=${RUSTUP_HOME:-${HOME:-/}/.rustup}
export CARGO_HOME CARGO_INCREMENTAL CARGO_NET_OFFLINE RUSTUP_HOME
# The flags of a make that runs the tests would limit cargo's jobs.
unset MAKEFLAGS MFLAGS CARGO_MAKEFLAGS RUSTFLAGS RUSTDOCFLAGS

# The crate finds the library with pkg-config, which is told of this build. Suites
# that run at the same time write the same.
PKG_CONFIG_PATH=$built/pkgconfig
LD_LIBRARY_PATH=$BUILD_DIR/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PKG_CONFIG_PATH LD_LIBRARY_PATH
write_pc() {
	mkdir -p "$PKG_CONFIG_PATH" || return 1
	sed "s,^libdir=.*,libdir=$BUILD_DIR/.libs,
		s,^includedir=.*,includedir=$crate/../../include," \
		"$BUILD_DIR/secmalloc.pc" > "$PKG_CONFIG_PATH/$$" || return 1
	# The crate is built again if the file is newer.
	if cmp -s "$PKG_CONFIG_PATH/$$" "$PKG_CONFIG_PATH/secmalloc.pc"; then
		rm "$PKG_CONFIG_PATH/$$"
	else
		mv "$PKG_CONFIG_PATH/$$" "$PKG_CONFIG_PATH/secmalloc.pc"
	fi
}

has_library() { test -e "$BUILD_DIR/.libs/libsecmalloc.$1"; }
# use_cargo CARGO: what follows is for this cargo, and its compiler.
use_cargo() {
	cargo=$1
	version=$(env PATH="${cargo%/*}:$PATH" rustc --version | cut -d ' ' -f 2)
	linkage=shared
	has_library so || linkage=static
	# The example links libsodium.
	features=
	test ! -x "$BUILD_DIR/examples/keyd-client" || features=example-signer
}

# Programs of the crate read core_pattern, so they run with $locked set to this.
# Compilers do not keep other suites waiting.
# shellcheck disable=SC2034 # for the suites
reader=$(machine_lock_command -s)
locked=

# in_crate COMMAND...: run cargo with the compilers from its directory. Each has
# a directory for what it builds.
in_crate() {
	set -- CARGO_TARGET_DIR="$built/$version-$linkage" "$@"
	test "$linkage" = shared || set -- SECMALLOC_STATIC=1 "$@"
	# A released compiler has unstable features only if it is told so.
	case $features in
	*allocator-api*) set -- RUSTC_BOOTSTRAP=1 "$@" ;;
	esac
	# shellcheck disable=SC2086 # words
	(cd "$crate" && bounded 600 $locked env PATH="${cargo%/*}:$PATH" "$@")
}
