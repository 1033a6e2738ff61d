dnl Macros that probe for one compiler flag, linker flag, library or compiler each.
dnl SPDX-License-Identifier: ISC

dnl SECMALLOC_COMPILE_FLAG(FLAG)
dnl Add FLAG to SECMALLOC_CFLAGS if the compiler accepts it without a warning.
AC_DEFUN([SECMALLOC_COMPILE_FLAG], [
  AC_SUBST([SECMALLOC_CFLAGS])
  AS_VAR_PUSHDEF([cache], [secmalloc_cv_compile_$1])
  AC_CACHE_CHECK([whether $CC takes $1], [cache], [
    secmalloc_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -Werror $1"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
      [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
    CFLAGS=$secmalloc_save_CFLAGS
  ])
  AS_VAR_IF([cache], [yes], [SECMALLOC_CFLAGS="$SECMALLOC_CFLAGS $1"])
  AS_VAR_POPDEF([cache])
])

dnl SECMALLOC_CXX_FLAG(FLAG)
dnl As SECMALLOC_COMPILE_FLAG, for the C++ compiler and SECMALLOC_CXXFLAGS.
AC_DEFUN([SECMALLOC_CXX_FLAG], [
  AS_VAR_PUSHDEF([cache], [secmalloc_cv_cxx_$1])
  AC_CACHE_CHECK([whether $CXX takes $1], [cache], [
    secmalloc_save_CXXFLAGS=$CXXFLAGS
    CXXFLAGS="$CXXFLAGS -Werror $1"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
      [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
    CXXFLAGS=$secmalloc_save_CXXFLAGS
  ])
  AS_VAR_IF([cache], [yes], [SECMALLOC_CXXFLAGS="$SECMALLOC_CXXFLAGS $1"])
  AS_VAR_POPDEF([cache])
])

dnl SECMALLOC_LINK_FLAG(FLAG, VARIABLE)
dnl Add FLAG to VARIABLE if the linker accepts it without a warning.
AC_DEFUN([SECMALLOC_LINK_FLAG], [
  AC_SUBST([$2])
  AS_VAR_PUSHDEF([cache], [secmalloc_cv_link_$1])
  AC_CACHE_CHECK([whether the linker takes $1], [cache], [
    secmalloc_save_LDFLAGS=$LDFLAGS
    LDFLAGS="$LDFLAGS -Wl,--fatal-warnings $1"
    AC_LINK_IFELSE([AC_LANG_PROGRAM()],
      [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
    LDFLAGS=$secmalloc_save_LDFLAGS
  ])
  AS_VAR_IF([cache], [yes], [$2="$$2 $1"])
  AS_VAR_POPDEF([cache])
])

dnl SECMALLOC_VERSION_SCRIPT
dnl Set HAVE_VERSION_SCRIPT if the linker accepts a version script that lists
dnl the exported symbols.
AC_DEFUN([SECMALLOC_VERSION_SCRIPT], [
  AC_CACHE_CHECK([whether the linker takes a version script],
    [secmalloc_cv_version_script], [
    AS_ECHO(["PROBE_1 { global: main; local: *; };"]) > conftest.map
    secmalloc_save_LDFLAGS=$LDFLAGS
    LDFLAGS="$LDFLAGS -Wl,--version-script=conftest.map"
    AC_LINK_IFELSE([AC_LANG_PROGRAM()],
      [secmalloc_cv_version_script=yes], [secmalloc_cv_version_script=no])
    LDFLAGS=$secmalloc_save_LDFLAGS
    rm -f conftest.map
  ])
  AM_CONDITIONAL([HAVE_VERSION_SCRIPT],
    [test "x$secmalloc_cv_version_script" = xyes])
])

dnl SECMALLOC_LIBRARY(NAME, MODULE)
dnl Look for a library that the tests, the examples or the benchmark use. Set
dnl NAME_CFLAGS, NAME_LIBS and, for make, HAVE_NAME if pkg-config knows MODULE.
dnl In a cross build pkg-config may report the libraries of the build machine,
dnl so a program must link with the library too.
AC_DEFUN([SECMALLOC_LIBRARY], [
  AS_VAR_PUSHDEF([have], [have_]m4_tolower([$1]))
  PKG_CHECK_MODULES([$1], [$2], [AS_VAR_SET([have], [yes])],
    [AS_VAR_SET([have], [no])])
  AS_VAR_IF([have], [yes], [
    AC_MSG_CHECKING([whether a program links with $][$1_LIBS])
    secmalloc_save_LIBS=$LIBS
    LIBS="$$1_LIBS $LIBS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM()], [], [AS_VAR_SET([have], [no])])
    LIBS=$secmalloc_save_LIBS
    AC_MSG_RESULT([$have])
  ])
  AM_CONDITIONAL([HAVE_$1], [test "x$have" = xyes])
  AS_VAR_POPDEF([have])
])

dnl SECMALLOC_RUST(MINIMUM)
dnl As --enable-rust says, look for a cargo of this version whose programs can be
dnl linked with what the C compiler makes. Set CARGO to its path, or else
dnl RUST_MISSING to the reason why the crate is not tested.
AC_DEFUN([SECMALLOC_RUST], [
  AC_ARG_VAR([CARGO], [cargo of Rust $1 or later, for the tests])
  AC_SUBST([RUST_MISSING])
  RUST_MISSING=
  AS_CASE([$enable_rust],
    [no], [RUST_MISSING="configured with --enable-rust=no"],
    [yes | auto], [SECMALLOC_RUST_LOOK([$1])],
    [AC_MSG_ERROR([--enable-rust is yes, no or auto, not "$enable_rust"])])
  AS_VAR_IF([RUST_MISSING], [], [rust_summary="yes ($CARGO, $rust_version)"],
    [rust_summary="no ($RUST_MISSING)"])
  AS_IF([test "$enable_rust" = yes && test -n "$RUST_MISSING"],
    [AC_MSG_ERROR([the Rust crate cannot be tested: $RUST_MISSING])])
])
AC_DEFUN([SECMALLOC_RUST_LOOK], [
  AC_PATH_PROG([CARGO], [cargo])
  AS_IF([test -z "$CARGO"], [RUST_MISSING="cargo is not installed"], [
    dnl cargo may be a proxy, and calls the rustc that it finds first.
    rust_path=`AS_DIRNAME(["$CARGO"])`:$PATH
    rust_version=`PATH=$rust_path rustc --version 2> /dev/null | $AWK '{
      print $][2 }'`
    AC_MSG_CHECKING([for Rust $1 or later])
    AC_MSG_RESULT([${rust_version:-none}])
    AS_VERSION_COMPARE([${rust_version:-0}], [$1],
      [RUST_MISSING="$CARGO runs no Rust of version $1 or later"])
  ])
  AS_VAR_IF([RUST_MISSING], [], [
    dnl The target of the compilers may differ in the processor, in the size of
    dnl an address or, although they link, in the libc.
    AC_MSG_CHECKING([whether Rust links what $CC compiles])
    rust_links=no
    rust_target=`PATH=$rust_path rustc -vV | $SED -n 's/^host: //p'`
    AC_LANG_CONFTEST([AC_LANG_SOURCE(
      [[int probe(void); int probe(void) { return 0; }]])])
    AS_ECHO(["extern \"C\" { fn probe() -> i32; }
fn main() { std::process::exit(unsafe { probe() }) }"]) > conftest.rs
    AS_CASE([$host_os], ["${rust_target@%:@*-*-}"*], [AS_IF(
      [(eval "$ac_compile" && PATH=$rust_path rustc -o conftest$EXEEXT \
        -C link-arg=conftest.$ac_objext conftest.rs) >&AS_MESSAGE_LOG_FD 2>&1],
      [rust_links=yes])])
    rm -f conftest.rs conftest$EXEEXT conftest.$ac_objext
    AC_MSG_RESULT([$rust_links])
    AS_VAR_IF([rust_links], [no],
      [RUST_MISSING="Rust for $rust_target does not link what $CC compiles"])
  ])
])
