# secmalloc.m4 - find secmalloc from a configure script
# serial 1
#
# SPDX-License-Identifier: ISC
#
# SECMALLOC_CHECK_CONFIG([DEFAULT], [MINIMUM], [IF-FOUND], [IF-NOT])
#
#   DEFAULT   yes or no: whether to look for secmalloc if neither
#             --with-secmalloc nor --without-secmalloc is given. Empty: yes.
#   MINIMUM   The lowest version that is accepted, such as 1.0: up to three
#             numbers, each below 256. Empty: any version.
#   IF-FOUND  Commands to run if secmalloc was found.
#   IF-NOT    Commands to run if secmalloc was not found, is too old, or was not
#             looked for. Empty: continue without it, or stop with an error if
#             --with-secmalloc was given.
#
# The macro adds these arguments to configure:
#
#   --with-secmalloc          look for secmalloc, and warn if it is not found
#   --with-secmalloc=PREFIX   look for it below this directory only
#   --without-secmalloc       do not look for it
#   SECMALLOC_CFLAGS, SECMALLOC_LIBS
#                             flags from the user. They are used unchanged,
#                             even if empty. pkg-config is only asked for the
#                             variable that is not set.
#   PKG_CONFIG                the pkg-config to run, with options if necessary:
#                             "pkg-config --static" for a static link
#   PKG_CONFIG_PATH, PKG_CONFIG_LIBDIR
#                             where pkg-config looks
#
# The macro sets:
#
#   $HAVE_SECMALLOC           yes or no, in the shell
#   HAVE_SECMALLOC            defined to 1 if secmalloc was found
#   @SECMALLOC_CFLAGS@ and @SECMALLOC_LIBS@
#                             flags to compile and to link with; empty if
#                             secmalloc was not found
#
# A program needs no more than this:
#
#   configure.ac   SECMALLOC_CHECK_CONFIG([yes], [1.0], [],
#                    [AC_MSG_ERROR([this program needs secmalloc])])
#   Makefile.am    AM_CPPFLAGS = $(SECMALLOC_CFLAGS)
#                  program_LDADD = $(SECMALLOC_LIBS)
#
# pkg-config is asked first. If there is no pkg-config, or if it does not know
# secmalloc, the compiler's and the linker's default directories are tried.
# Flags from any source are accepted only if a program that includes the header
# and calls the library links with them, and if the header's version is high
# enough. No program is run, so cross compilation works. pkg.m4 is not needed.
#
# If this file is not in a directory that aclocal searches by default, use
#
#   ACLOCAL_PATH=PREFIX/share/aclocal autoreconf -i

AC_DEFUN([SECMALLOC_CHECK_CONFIG], [
  m4_case([$1], [], [], [yes], [], [no], [],
    [m4_fatal([$0: the default is yes or no, not "$1"])])dnl
  _SECMALLOC_GIVEN
  AC_ARG_WITH([secmalloc],
    [AS_HELP_STRING([--with-secmalloc@<:@=PREFIX@:>@],
      [use secmalloc, from PREFIX if given (default: ]m4_default([$1],
      [yes])[)])],
    [secmalloc_asked=yes secmalloc_with=$withval],
    [secmalloc_asked=no secmalloc_with=m4_default([$1], [yes])])

  HAVE_SECMALLOC=no
  secmalloc_what="secmalloc[]m4_ifval([$2], [ >= $2])"
  AS_IF([test "x$secmalloc_with" != xno], [_SECMALLOC_FIND([$2])],
    [secmalloc_asked=no])
  AS_IF([test "x$HAVE_SECMALLOC" = xyes], [
    SECMALLOC_CFLAGS=$secmalloc_cflags
    SECMALLOC_LIBS=$secmalloc_libs
    AC_DEFINE([HAVE_SECMALLOC], [1], [Define to 1 to use secmalloc.])
    $3
  ], [
    SECMALLOC_CFLAGS=
    SECMALLOC_LIBS=
    AS_IF([test "x$secmalloc_asked" = xyes],
      [m4_ifval([$4], [AC_MSG_WARN], [AC_MSG_ERROR])([dnl
--with-secmalloc was given, but $secmalloc_what was not found])])
    $4
  ])
])

# _SECMALLOC_GIVEN: record which flags the user has set. Only the first call
# does, because the macro stores its own results in the same variables.
AC_DEFUN([_SECMALLOC_GIVEN], [
  AC_ARG_VAR([SECMALLOC_CFLAGS],
    [C compiler flags for SECMALLOC, overriding pkg-config])dnl
  AC_ARG_VAR([SECMALLOC_LIBS],
    [linker flags for SECMALLOC, overriding pkg-config])dnl
  AC_ARG_VAR([PKG_CONFIG], [path to pkg-config utility])dnl
  AC_ARG_VAR([PKG_CONFIG_PATH],
    [directories to add to pkg-config's search path])dnl
  AC_ARG_VAR([PKG_CONFIG_LIBDIR],
    [path overriding pkg-config's built-in search path])dnl
  AS_IF([test -z "${secmalloc_given+set}"], [
    secmalloc_given=${SECMALLOC_CFLAGS+c}${SECMALLOC_LIBS+l}
    secmalloc_given_cflags=$SECMALLOC_CFLAGS
    secmalloc_given_libs=$SECMALLOC_LIBS
  ])
])

# _SECMALLOC_FIND([MINIMUM]): set HAVE_SECMALLOC, secmalloc_cflags and
# secmalloc_libs.
AC_DEFUN([_SECMALLOC_FIND], [
  m4_ifval([$1], [AS_CASE([.$1.],
    [*@<:@!0-9.@:>@* | *..*], [AC_MSG_ERROR([$1 is not a version])])])
  # A PKG_CONFIG from the user or from pkg.m4 may contain options or be empty.
  AS_IF([test -z "${PKG_CONFIG+set}"],
    [AC_PATH_TOOL([PKG_CONFIG], [pkg-config])])
  secmalloc_prefix=
  secmalloc_libdirs=default
  AS_CASE([$secmalloc_given,$secmalloc_with], [cl,* | *,yes | *,], [],
    [*,/*], [
      secmalloc_prefix=$secmalloc_with
      secmalloc_libdirs="$secmalloc_with/lib $secmalloc_with/lib64"
      secmalloc_arch=`$CC -print-multiarch 2> /dev/null`
      test -z "$secmalloc_arch" ||
        secmalloc_libdirs="$secmalloc_with/lib/$secmalloc_arch dnl
$secmalloc_libdirs"],
    [AC_MSG_ERROR([--with-secmalloc: $secmalloc_with is no absolute path])])

  AC_MSG_CHECKING([for $secmalloc_what])
  secmalloc_result=no
  for secmalloc_libdir in $secmalloc_libdirs; do
    for secmalloc_by in pkg-config header; do
      _SECMALLOC_FLAGS
      AS_IF([test "x$secmalloc_by" != xnone], [_SECMALLOC_TRY([$1])])
      test "x$HAVE_SECMALLOC" = xno || break 2
    done
  done
  AC_MSG_RESULT([$secmalloc_result])
])

# _SECMALLOC_FLAGS: set the flags to try, from the user or from the source that
# $secmalloc_by names. $secmalloc_by becomes "none" if that source has no flags.
AC_DEFUN([_SECMALLOC_FLAGS], [
  secmalloc_cflags=
  secmalloc_libs=-lsecmalloc
  secmalloc_pkg_config=$PKG_CONFIG
  AS_IF([test -n "$secmalloc_prefix"], [
    secmalloc_cflags=-I$secmalloc_prefix/include
    secmalloc_libs="-L$secmalloc_libdir -lsecmalloc"
    # Use only the .pc file of this prefix, even if it was moved there.
    secmalloc_pkg_config="env PKG_CONFIG_PATH= PKG_CONFIG_SYSROOT_DIR= dnl
PKG_CONFIG_LIBDIR=$secmalloc_libdir/pkgconfig dnl
$PKG_CONFIG --define-variable=prefix=$secmalloc_prefix"
    # If these files are missing, the compiler would use another prefix's.
    test -f "$secmalloc_prefix/include/secmalloc.h" &&
      ls "$secmalloc_libdir"/libsecmalloc.* > /dev/null 2>&1 ||
      secmalloc_by=none
  ])
  AS_CASE([$secmalloc_given,$secmalloc_by],
    [cl,pkg-config], [secmalloc_by=none],
    [*,pkg-config], [
      AS_IF([test -n "$PKG_CONFIG" &&
          $secmalloc_pkg_config --exists "$secmalloc_what" > /dev/null 2>&1], [
        secmalloc_cflags=`$secmalloc_pkg_config --cflags secmalloc`
        secmalloc_libs=`$secmalloc_pkg_config --libs secmalloc`
      ], [secmalloc_by=none])
    ])
  AS_CASE([$secmalloc_given], [c*], [secmalloc_cflags=$secmalloc_given_cflags])
  AS_CASE([$secmalloc_given], [*l], [secmalloc_libs=$secmalloc_given_libs])
])

# _SECMALLOC_TRY([MINIMUM]): set HAVE_SECMALLOC to yes if a program links with
# the flags and the header is new enough. The header of 0.5 has no version number.
AC_DEFUN([_SECMALLOC_TRY], [
  secmalloc_save_CPPFLAGS=$CPPFLAGS
  secmalloc_save_LIBS=$LIBS
  CPPFLAGS="$secmalloc_cflags $CPPFLAGS"
  LIBS="$secmalloc_libs $LIBS"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <secmalloc.h>]],
      [[return secmalloc_init(0) || !secmalloc_version();]])],
    [HAVE_SECMALLOC=yes
      secmalloc_result=`echo yes: $secmalloc_cflags $secmalloc_libs`])
  m4_ifval([$1], [AS_IF([test "x$HAVE_SECMALLOC" = xyes], [
    secmalloc_least=`AS_ECHO(["$1.0.0"]) | sed -e ['s/\.0*\([0-9]\)/.\1/g' \
      -e 's/^\([0-9]*\)\.\([0-9]*\)\.\([0-9]*\).*/\1, \2, \3/']`
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <secmalloc.h>
#define LEAST(major, minor, patch) \
  ((major) * 0x10000 + (minor) * 0x100 + (patch))
#if SECMALLOC_VERSION_NUMBER < LEAST($secmalloc_least)
#error too old
#endif]])], [], [HAVE_SECMALLOC=no secmalloc_result="no, too old"])
  ])])
  CPPFLAGS=$secmalloc_save_CPPFLAGS
  LIBS=$secmalloc_save_LIBS
])
