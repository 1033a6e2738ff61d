#!/bin/sh
# SECMALLOC_CHECK_CONFIG as installed: which libraries it finds, and what it
# prints.
#
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
# pkg-config must not find a secmalloc that this machine has installed.
PKG_CONFIG_LIBDIR=$work/none
export PKG_CONFIG_LIBDIR

# ---- Configure scripts -------------------------------------------------------

# AC_PROG_CC takes longer than everything else in a configure script. The scripts
# that run most often answer its questions beforehand.
known_compiler='AC_DEFUN([AC_PROG_CC], [AC_LANG_PUSH([C])
AC_ARG_VAR([CC], [compiler])AC_ARG_VAR([CFLAGS], [for the compiler])
AC_ARG_VAR([CPPFLAGS], [for the preprocessor])AC_ARG_VAR([LDFLAGS], [for the linker])
AC_ARG_VAR([LIBS], [for the linker])ac_objext=o OBJEXT=o ac_exeext= EXEEXT=
AC_LANG_POP([C])])'

# script NAME CALL [BEFORE [AFTER]]: create a configure script with this call of
# the macro, and with these lines before and after AC_PROG_CC. For aclocal there is only what is installed with the library, so pkg.m4
# is absent. autoconf copies unknown macros unchanged unless they are forbidden.
script() {
	mkdir "$work/$1" && cd "$work/$1" || return 1
	cat > configure.ac << END
AC_INIT([script], [1])
m4_pattern_forbid([^_SECMALLOC|^SECMALLOC_CHECK|^PKG_(PROG|CHECK)])
${3:-}
AC_PROG_CC
${4:-}
$2
AC_SUBST([ran])
AC_SUBST([HAVE_SECMALLOC])
AC_OUTPUT
END
	aclocal --system-acdir="$prefix/share/aclocal" \
		&& autoconf --warnings=all,error
}
# configure NAME ARGUMENT...: run the script until it has written its log, which
# contains all results.
configure() {
	cd "$work/$1" || return 1
	shift
	./configure --no-create "$@" > log 2>&1
	status=$?
	cat log
	return $status
}
# value NAME: print the value that configure substitutes, without extra spaces.
value() {
	sed -n "s/  */ /g; s/^$1=' *\(.*[^ ]\) *'\$/\1/p" config.log
}
# gives RESULT NAME ARGUMENT...: the result is HAVE|RAN|CFLAGS|LIBS, and
# HAVE_SECMALLOC is defined exactly if HAVE is yes.
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
# tells PATTERN RESULT NAME ARGUMENT...: as gives, and configure prints a line
# with this pattern.
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
# is_silent NAME ARGUMENT...: configure does not look for the library, and
# prints nothing about it.
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

tap "make install succeeds" install_to_stage
tap "the installed tree moves to a prefix" move_to_prefix
libdir=$(dirname "$(dirname "$(find "$prefix" -name secmalloc.pc)")")
call='SECMALLOC_CHECK_CONFIG([yes], [1.0], [ran=found], [ran=not])'
tap "a script with all arguments is created" script usual "$call"
tap "so is one that knows the compiler" script known "$call" "$known_compiler"
tap "a script with the default no is created" script no \
	'SECMALLOC_CHECK_CONFIG([no], [99.0], [ran=found], [ran=not])'
tap "a script without arguments is created" \
	script bare 'SECMALLOC_CHECK_CONFIG' "$known_compiler"
tap "a script that asks for several versions is created" \
	script asks 'for least in $leasts; do
	SECMALLOC_CHECK_CONFIG([], [$least], [ran="$ran$least "])
done' "$known_compiler"
tap "a default other than yes or no is refused" is_wrong_call \
	'SECMALLOC_CHECK_CONFIG([maybe])' 'the default is yes or no'

I=-I$prefix/include
L=-L$libdir
by_pc=PKG_CONFIG_PATH=$libdir/pkgconfig
with=--with-secmalloc

# ---- A library that is found -------------------------------------------------

tap "the library is found with pkg-config" \
	gives "yes|found|$I|$L -lsecmalloc" usual "$by_pc"
# make may run configure again, in an environment without the path.
finds_again() {
	(
		cd "$work/usual" && env "$by_pc" ./configure > log 2>&1 \
			&& ./config.status --recheck > again 2>&1
	) || return 1
	grep 'for secmalloc >= ' "$work/usual/log" "$work/usual/again"
	grep -q 'for secmalloc >= .*yes' "$work/usual/log" \
		&& grep -q 'for secmalloc >= .*yes' "$work/usual/again"
}
tap "the library is found again when configure runs again" finds_again
tap "the library is found without a working pkg-config" \
	gives "yes|found||-lsecmalloc" \
	known PKG_CONFIG=false CPPFLAGS="$I" LDFLAGS="$L"
# Link everything in PATH except pkg-config.
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
tap "the library is found where pkg-config is absent" without_pkg_config \
	"yes|found||-lsecmalloc" known CPPFLAGS="$I" LDFLAGS="$L"
tap "the minimum may be empty" gives "yes||$I|$L -lsecmalloc" bare "$by_pc"
# Versions around the installed one. 08 must not be read as octal.
version=$(sed -n 's/^Version: //p' "$BUILD_DIR/secmalloc.pc")
major=${version%%.*} release=${version%.*} patch=${version##*.}
less="$major $release 0.99.999 $version"
more="$release.$((patch + 1)) $((major + 1)) $release.0$((patch + 8))"
tap "$version is at least each of $less, but not $more" \
	gives "yes|$less||-lsecmalloc" asks PKG_CONFIG=false \
	leasts="$more $less" CPPFLAGS="$I" LDFLAGS="$L"

# ---- In a prefix -------------------------------------------------------------

tap "a prefix is searched for its .pc file" \
	gives "yes|found|$I|$L -lsecmalloc" \
	known "$with=$prefix"
tap "a prefix is searched without pkg-config" \
	gives "yes|found|$I|$L -lsecmalloc" \
	known "$with=$prefix" PKG_CONFIG=false
cp -R "$prefix" "$work/moved"
moved=-I$work/moved/include
tap "a prefix that was moved is found" \
	gives "yes|found|$moved|-L$work/moved/${libdir#"$prefix/"} -lsecmalloc" \
	known "$with=$work/moved"
tap "with a prefix given, no other place is searched" gives "no|not||" \
	known "$with=$work/none" "$by_pc" CPPFLAGS="$I" LDFLAGS="$L"
tap "a prefix that is not an absolute path is refused" \
	stops 'maybe is no absolute path' known "$with=maybe"

# ---- Flags from the user -----------------------------------------------------

printf '#!/bin/sh\necho "$@" >> %s/asked\nexec pkg-config "$@"\n' "$work" \
	> "$work/asked-pkg-config"
chmod +x "$work/asked-pkg-config"
asks_nobody() {
	rm -f "$work/asked"
	gives "$@" PKG_CONFIG="$work/asked-pkg-config" && ! cat "$work/asked"
}
tap "the user's flags are used without asking pkg-config" asks_nobody \
	"yes|found|-DMINE $I|$libdir/libsecmalloc.so" \
	known "$by_pc" SECMALLOC_CFLAGS="-DMINE $I" \
	SECMALLOC_LIBS="$libdir/libsecmalloc.so"
tap "control: without the user's flags pkg-config is asked" \
	fails asks_nobody "yes|found|$I|$L -lsecmalloc" known "$by_pc"
tap "one flag from the user is combined with one from pkg-config" \
	gives "yes|found|-DMINE $I|$L -lsecmalloc" \
	known "$by_pc" SECMALLOC_CFLAGS="-DMINE $I"
tap "if the user's flags do not work, no others are tried" \
	gives "no|not||" known "$by_pc" SECMALLOC_LIBS=-lnone

# ---- Not wanted, absent, too old ---------------------------------------------

tap "--without-secmalloc disables the search" \
	is_silent known --without-secmalloc "$by_pc"
tap "with the default no, there is no search" \
	is_silent no "$by_pc"
if echo '#include <secmalloc.h>' | $CC -E - > /dev/null 2>&1; then
	tap_skip "an absent library" "this machine has secmalloc installed"
else
	tap "an absent library is not found" gives "no|not||" usual
	tap "without actions, an absent library is no error" gives "no|||" bare
	tap "an absent library that was requested causes a warning" \
		tells 'WARNING: .*secmalloc >= 1.0 was not found' "no|not||" \
		known "$with"
	tap "without actions, an absent library that was requested is an error" \
		stops 'secmalloc was not found' bare "$with"
	tap "a header without its library is not found" \
		gives "no|not||" known PKG_CONFIG=false CPPFLAGS="$I"
fi

tap "a library that is too old is refused" \
	tells '99.0... no, too old' "no|not||" \
	no "$with" "$by_pc" CPPFLAGS="$I" LDFLAGS="$L"
old=$work/moved
sed '/define SECMALLOC_VERSION_NUMBER/d' "$prefix/include/secmalloc.h" \
	> "$old/include/secmalloc.h"
tap "the header decides about the version, not the .pc file" \
	tells '1.0... no, too old' "no|not||" known "$with=$old"
tap "a malformed version is refused" \
	stops '1.x is not a version' asks leasts=1.x

# ---- In C++ ------------------------------------------------------------------

if command -v "${CXX%% *}" > /dev/null; then
	tap "a script for C++ is created" script cxx \
		'SECMALLOC_CHECK_CONFIG([yes], [1.0], [ran=found])' \
		"$known_compiler" 'AC_PROG_CXX AC_LANG([C++])'
	tap "the library is found from C++" \
		gives "yes|found|$I|$L -lsecmalloc" cxx "$by_pc"
else
	tap_skip "the library is found from C++" "no C++ compiler"
fi

# ---- Cross-compiling ---------------------------------------------------------

# A compiler whose programs leave a trace when they are run, because there is no
# other way to notice that. If a compiler for another machine is installed, it
# is used.
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
# Without --host, configure tries to run a program.
tells_that_it_runs() {
	rm -f "$work/was-run"
	configure "$@" CC=$host-gcc && test -f "$work/was-run"
}
by_its_own_pkg_config() {
	rm -f "$work/was-asked"
	runs_nothing "$@" && test -f "$work/was-asked"
}

tap "a library for another machine is built" cross_library
tap "cross-compiling uses that machine's pkg-config and runs nothing" \
	by_its_own_pkg_config "yes|found|-I$cross/include|-L$cross/lib -lsecmalloc" \
	usual PKG_CONFIG_LIBDIR="$cross/lib/pkgconfig"
tap "cross-compiling without pkg-config finds the library" \
	runs_nothing "yes|found||-lsecmalloc" usual PKG_CONFIG=false \
	CPPFLAGS="-I$cross/include" LDFLAGS="-L$cross/lib"
tap "cross-compiling finds the library in a prefix" \
	runs_nothing "yes|found|-I$cross/include|-L$cross/lib -lsecmalloc" \
	usual "$with=$cross"
tap "cross-compiling refuses a library that is too old" \
	runs_nothing "no|not||" no "$with=$cross"
tap "control: a program that is run leaves a trace" \
	tells_that_it_runs usual --without-secmalloc
if [ "$compiler" != "$CC" ]; then
	tap "a library for this machine is not used when cross-compiling" \
		runs_nothing \
		"no|not||" usual "$by_pc" CPPFLAGS="$I" LDFLAGS="$L"
else
	tap_skip "a library for this machine is not used when cross-compiling" \
		"no $host-gcc"
fi
tap_done
