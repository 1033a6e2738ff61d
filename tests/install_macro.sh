#!/bin/sh
# SECMALLOC_CHECK_CONFIG, as installed: what it finds, and what it tells.
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"
. "$srcdir/tests/installed.sh"

for tool in aclocal autoconf pkg-config; do
	command -v "$tool" > /dev/null || tap_skip_all "no $tool"
done
CC=${CC:-cc}
CXX=${CXX:-c++}
export CC CXX
unset PKG_CONFIG PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR SECMALLOC_CFLAGS \
	SECMALLOC_LIBS CFLAGS CPPFLAGS CXXFLAGS LDFLAGS LIBS
# A secmalloc of this machine is not for pkg-config to find.
PKG_CONFIG_LIBDIR=$work/none
export PKG_CONFIG_LIBDIR
# What configure would find out of the compiler each time.
ac_cv_c_compiler_gnu=yes ac_cv_prog_cc_g=yes ac_cv_prog_cc_c11=
export ac_cv_c_compiler_gnu ac_cv_prog_cc_g ac_cv_prog_cc_c11

# ---- Configure scripts -------------------------------------------------------

# script NAME CALL [PROLOGUE]: one with this call of the macro. Nothing but what
# is installed with the library is there for aclocal: no pkg.m4. Macros that are
# not known, autoconf leaves as they are, unless they are forbidden.
script() {
	mkdir "$work/$1" && cd "$work/$1" || return 1
	cat > configure.ac << END
AC_INIT([script], [1])
m4_pattern_forbid([^_SECMALLOC|^SECMALLOC_CHECK|^PKG_(PROG|CHECK)])
AC_PROG_CC
${3:-}
$2
AC_SUBST([ran])
AC_SUBST([HAVE_SECMALLOC])
AC_OUTPUT
END
	aclocal --system-acdir="$prefix/share/aclocal" \
		&& autoconf --warnings=all,error
}
# configure NAME ARGUMENT...: as far as its log, where all results are.
configure() {
	cd "$work/$1" || return 1
	shift
	./configure --no-create "$@" > log 2>&1
	status=$?
	cat log
	return $status
}
# value NAME: of what configure substitutes, without spaces to spare.
value() {
	sed -n "s/  */ /g; s/^$1=' *\(.*[^ ]\) *'\$/\1/p" config.log
}
# gives RESULT NAME ARGUMENT...: the result is HAVE|RAN|CFLAGS|LIBS, and whether
# HAVE_SECMALLOC is defined goes with the first.
gives() {
	wanted=$1
	shift
	configure "$@" || return 1
	result="$(value HAVE_SECMALLOC)|$(value ran)"
	result="$result|$(value SECMALLOC_CFLAGS)|$(value SECMALLOC_LIBS)"
	echo "$result"
	test "$result" = "$wanted" || return 1
	case $wanted in
	yes*) grep '^#define HAVE_SECMALLOC 1$' config.log ;;
	*) ! grep '^#define HAVE_SECMALLOC' config.log ;;
	esac
}
# tells PATTERN RESULT NAME ARGUMENT...: configure says so, too.
tells() {
	pattern=$1
	shift
	gives "$@" && grep -e "$pattern" log
}
# stops PATTERN NAME ARGUMENT...: configure ends with this error.
stops() {
	pattern=$1
	shift
	! configure "$@" && grep "error: .*$pattern" log
}
# is_silent NAME ARGUMENT...: it is not looked for, and nothing is said.
is_silent() {
	gives "no|not||" "$@" && ! grep 'secmalloc' log
}
fails() {
	! "$@"
}
is_wrong_call() {
	! script wrong "$1" > "$work/output" 2>&1
	cat "$work/output"
	grep -q "$2" "$work/output"
}

tap "make install" install_to_stage
tap "in a prefix" move_to_prefix
libdir=$(dirname "$(dirname "$(find "$prefix" -name secmalloc.pc)")")
tap "a script" script usual \
	'SECMALLOC_CHECK_CONFIG([yes], [1.0], [ran=found], [ran=not])'
tap "one that does not look by itself" script no \
	'SECMALLOC_CHECK_CONFIG([no], [99.0], [ran=found], [ran=not])'
tap "one that leaves all to the macro" script bare 'SECMALLOC_CHECK_CONFIG'
tap "one that asks for several versions" script asks 'for least in $leasts; do
	SECMALLOC_CHECK_CONFIG([], [$least], [ran="$ran$least "])
done'
tap "a default that is none is refused" is_wrong_call \
	'SECMALLOC_CHECK_CONFIG([maybe])' 'the default is yes or no'

I=-I$prefix/include
L=-L$libdir
by_pc=PKG_CONFIG_PATH=$libdir/pkgconfig
with=--with-secmalloc

# ---- Found -------------------------------------------------------------------

tap "pkg-config finds it" gives "yes|found|$I|$L -lsecmalloc" usual "$by_pc"
# make runs configure again, in an environment without the path.
finds_again() {
	(
		cd "$work/usual" && env "$by_pc" ./configure > log 2>&1 \
			&& ./config.status --recheck > again 2>&1
	) || return 1
	grep 'for secmalloc >= ' "$work/usual/log" "$work/usual/again"
	grep -q 'for secmalloc >= .*yes' "$work/usual/log" \
		&& grep -q 'for secmalloc >= .*yes' "$work/usual/again"
}
tap "and again when configure is run again" finds_again
tap "without pkg-config the header and the library are found" \
	gives "yes|found||-lsecmalloc" \
	usual PKG_CONFIG=false CPPFLAGS="$I" LDFLAGS="$L"
# Everything that is in PATH, but no pkg-config.
mkdir "$work/path"
(
	IFS=:
	for directory in $PATH; do
		ln -s "$directory"/* "$work/path"
	done
) 2> /dev/null
rm "$work"/path/*pkg*conf*
without_pkg_config() {
	PATH=$work/path tells 'checking for pkg-config... no' "$@"
}
tap "and where none is installed" without_pkg_config \
	"yes|found||-lsecmalloc" usual CPPFLAGS="$I" LDFLAGS="$L"
tap "the minimum may be empty" gives "yes||$I|$L -lsecmalloc" bare "$by_pc"
# The versions next to the one that is installed; 08 must not be read as octal.
version=$(sed -n 's/^Version: //p' "$BUILD_DIR/secmalloc.pc")
major=${version%%.*} release=${version%.*} patch=${version##*.}
less="$major $release 0.99.999 $version"
more="$release.$((patch + 1)) $((major + 1)) $release.0$((patch + 8))"
tap "$version is at least each of $less, but not $more" \
	gives "yes|$less||-lsecmalloc" asks PKG_CONFIG=false \
	leasts="$more $less" CPPFLAGS="$I" LDFLAGS="$L"

# ---- In a prefix -------------------------------------------------------------

tap "in a prefix, by its .pc" gives "yes|found|$I|$L -lsecmalloc" \
	usual "$with=$prefix"
tap "and without pkg-config" gives "yes|found|$I|$L -lsecmalloc" \
	usual "$with=$prefix" PKG_CONFIG=false
cp -R "$prefix" "$work/moved"
moved=-I$work/moved/include
tap "in one that was moved" \
	gives "yes|found|$moved|-L$work/moved/${libdir#"$prefix/"} -lsecmalloc" \
	usual "$with=$work/moved"
tap "only there" gives "no|not||" \
	usual "$with=$work/none" "$by_pc" CPPFLAGS="$I" LDFLAGS="$L"
tap "a prefix is an absolute path" \
	stops 'maybe is no absolute path' usual "$with=maybe"

# ---- Flags of the user's -----------------------------------------------------

printf '#!/bin/sh\necho "$@" >> %s/asked\nexec pkg-config "$@"\n' "$work" \
	> "$work/asked-pkg-config"
chmod +x "$work/asked-pkg-config"
asks_nobody() {
	rm -f "$work/asked"
	gives "$@" PKG_CONFIG="$work/asked-pkg-config" && ! cat "$work/asked"
}
tap "flags of the user's are taken, and pkg-config is not asked" asks_nobody \
	"yes|found|-DMINE $I|$libdir/libsecmalloc.so" \
	usual "$by_pc" SECMALLOC_CFLAGS="-DMINE $I" \
	SECMALLOC_LIBS="$libdir/libsecmalloc.so"
tap "control: otherwise it is" \
	fails asks_nobody "yes|found|$I|$L -lsecmalloc" usual "$by_pc"
tap "one of them, and the other of pkg-config" \
	gives "yes|found|-DMINE $I|$L -lsecmalloc" \
	usual "$by_pc" SECMALLOC_CFLAGS="-DMINE $I"
tap "if they do not do, there is no other" \
	gives "no|not||" usual "$by_pc" SECMALLOC_LIBS=-lnone

# ---- Not wanted, absent, too old ---------------------------------------------

tap "without" is_silent usual --without-secmalloc "$by_pc"
tap "it does not look by itself if the default is no" \
	is_silent no "$by_pc"
if echo '#include <secmalloc.h>' | $CC -E - > /dev/null 2>&1; then
	tap_skip "absent" "there is a secmalloc on this machine"
else
	tap "absent" gives "no|not||" usual
	tap "absent, and no more is said of it" gives "no|||" bare
	tap "absent, but asked for: a warning" \
		tells 'WARNING: .*secmalloc >= 1.0 was not found' "no|not||" \
		usual "$with"
	tap "or, where nothing else was to be done, an error" \
		stops 'secmalloc was not found' bare "$with"
	tap "so is a library of which only the header is there" \
		gives "no|not||" usual PKG_CONFIG=false CPPFLAGS="$I"
fi

tap "too old" tells '99.0... no, too old' "no|not||" \
	no "$with" "$by_pc" CPPFLAGS="$I" LDFLAGS="$L"
old=$work/moved
sed '/define SECMALLOC_VERSION_NUMBER/d' "$prefix/include/secmalloc.h" \
	> "$old/include/secmalloc.h"
tap "the header is judged, whatever the .pc says" \
	tells '1.0... no, too old' "no|not||" usual "$with=$old"
tap "what is no version is refused" \
	stops '1.x is not a version' asks leasts=1.x

# ---- In C++ ------------------------------------------------------------------

if command -v "${CXX%% *}" > /dev/null; then
	tap "a script in C++" script cxx \
		'SECMALLOC_CHECK_CONFIG([yes], [1.0], [ran=found])' \
		'AC_PROG_CXX AC_LANG([C++])'
	tap "it is found in C++" \
		gives "yes|found|$I|$L -lsecmalloc" cxx "$by_pc"
else
	tap_skip "it is found in C++" "no C++ compiler"
fi

# ---- Cross-compiling ---------------------------------------------------------

# A compiler whose programs tell that they were run; there is no other way to
# know. Its target is another machine, if there is a compiler for one.
host=i686-linux-gnu
compiler=$(command -v $host-gcc) || compiler=$CC
cross=$work/cross
mkdir -p "$cross/bin" "$cross/lib/pkgconfig"
cp -R "$prefix/include" "$cross"
cp "$libdir/pkgconfig/secmalloc.pc" "$cross/lib/pkgconfig"
change_pc "$cross" -e "s,^prefix=.*,prefix=$cross," \
	-e "s,^libdir=.*,libdir=$cross/lib,"
cat > "$cross/bin/$host-gcc" << END
#!/bin/sh
$compiler "\$@" || exit
test ! -f conftest || printf '#!/bin/sh\necho > $work/was-run\n' > conftest
END
cat > "$cross/bin/$host-pkg-config" << END
#!/bin/sh
echo > $work/was-asked
exec pkg-config "\$@"
END
chmod +x "$cross/bin/"*
PATH=$cross/bin:$PATH
cross_library() {
	cat > "$work/library.c" << END
#include <secmalloc.h>
int secmalloc_init(const struct secmalloc_config *c) { return c != NULL; }
const char *secmalloc_version(void) { return "1.0.0"; }
END
	$compiler -shared -fPIC -I"$cross/include" \
		-o "$cross/lib/libsecmalloc.so" "$work/library.c"
}
runs_nothing() {
	rm -f "$work/was-run"
	tells 'cross compiling... yes' "$@" --build=this-linux-gnu --host=$host \
		CC=$host-gcc && ! cat "$work/was-run"
}
# Without --host configure tries whether a program runs.
tells_that_it_runs() {
	rm -f "$work/was-run"
	configure "$@" CC=$host-gcc && test -f "$work/was-run"
}
by_its_own_pkg_config() {
	rm -f "$work/was-asked"
	runs_nothing "$@" && test -f "$work/was-asked"
}

tap "a library for another machine" cross_library
tap "it is found, by the pkg-config for that machine, and nothing is run" \
	by_its_own_pkg_config "yes|found|-I$cross/include|-L$cross/lib -lsecmalloc" \
	usual PKG_CONFIG_LIBDIR="$cross/lib/pkgconfig"
tap "and by the header and the library" \
	runs_nothing "yes|found||-lsecmalloc" usual PKG_CONFIG=false \
	CPPFLAGS="-I$cross/include" LDFLAGS="-L$cross/lib"
tap "and in a prefix" \
	runs_nothing "yes|found|-I$cross/include|-L$cross/lib -lsecmalloc" \
	usual "$with=$cross"
tap "too old" runs_nothing "no|not||" no "$with=$cross"
tap "control: what is run tells" tells_that_it_runs usual --without-secmalloc
if [ "$compiler" != "$CC" ]; then
	tap "the library of this machine is not for that" runs_nothing \
		"no|not||" usual "$by_pc" CPPFLAGS="$I" LDFLAGS="$L"
else
	tap_skip "the library of this machine is not for that" "no $host-gcc"
fi
tap_done
