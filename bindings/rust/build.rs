// SPDX-License-Identifier: ISC
//! Finds the library with the program pkg-config.
//!
//! The environment variables are those of the crate of that name, which is not
//! used here: `PKG_CONFIG` names the program, `PKG_CONFIG_PATH` and its other
//! variables are passed on, and `SECMALLOC_STATIC` or `PKG_CONFIG_ALL_STATIC`
//! choose the static library.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What the environment asks of pkg-config, first match first.
const LINKAGE: [(&str, bool); 4] = [
    ("SECMALLOC_STATIC", true),
    ("SECMALLOC_DYNAMIC", false),
    ("PKG_CONFIG_ALL_STATIC", true),
    ("PKG_CONFIG_ALL_DYNAMIC", false),
];

/// What else changes the answer of pkg-config.
const SEARCH: [&str; 5] = [
    "PKG_CONFIG",
    "PKG_CONFIG_PATH",
    "PKG_CONFIG_LIBDIR",
    "PKG_CONFIG_SYSROOT_DIR",
    "PKG_CONFIG_ALLOW_CROSS",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in SEARCH.iter().chain(LINKAGE.iter().map(|(name, _)| name)) {
        println!("cargo:rerun-if-env-changed={}", name);
    }
    if let Err(words) = link() {
        eprintln!("secmalloc: {}", words);
        std::process::exit(1);
    }
}

fn link() -> Result<(), String> {
    let is_static = LINKAGE
        .iter()
        .find(|(name, _)| is_set(name))
        .map_or(false, |&(_, is_static)| is_static);

    refuse_to_guess_a_target()?;
    let file = ask(&["--variable=pcfiledir"])?;
    println!("cargo:rerun-if-changed={}/secmalloc.pc", file.trim());

    let mut flags = vec!["--libs", "--cflags"];
    if is_static {
        flags.push("--static");
    }
    let words = split(&ask(&flags)?);
    let directories: Vec<&str> = words.iter().filter_map(|w| w.strip_prefix("-L")).collect();

    for directory in &directories {
        println!("cargo:rustc-link-search=native={}", directory);
    }
    for name in words.iter().filter_map(|w| w.strip_prefix("-l")) {
        if is_static && name == "secmalloc" {
            let archive = find_archive(&directories)?;
            println!("cargo:rerun-if-changed={}", archive.display());
            println!("cargo:rustc-link-lib=static=secmalloc");
        } else {
            println!("cargo:rustc-link-lib={}", name);
        }
    }
    for directory in words.iter().filter_map(|w| w.strip_prefix("-I")) {
        println!("cargo:include={}", directory);
    }
    println!("cargo:version={}", ask(&["--modversion"])?.trim());
    Ok(())
}

/// As with openssl-sys, "0" and "" stand for no.
fn is_set(name: &str) -> bool {
    env::var_os(name).map_or(false, |value| value != "0" && !value.is_empty())
}

/// The library that pkg-config finds by itself is one for this machine.
fn refuse_to_guess_a_target() -> Result<(), String> {
    let target = env::var("TARGET").unwrap_or_default();

    if env::var("HOST").as_deref() == Ok(&target)
        || SEARCH
            .iter()
            .any(|name| *name != "PKG_CONFIG_PATH" && is_set(name))
    {
        return Ok(());
    }
    Err(format!(
        "pkg-config would find the library of this machine, not that of {}.\n\
         Set PKG_CONFIG to the target's pkg-config, or PKG_CONFIG_LIBDIR and \
         PKG_CONFIG_SYSROOT_DIR to where its packages are.",
        target
    ))
}

/// The answer of pkg-config to these flags, about a library that is at least as
/// new as this crate's minor version.
fn ask(flags: &[&str]) -> Result<String, String> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let wanted = format!(
        "secmalloc >= {}.{}",
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR")
    );
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(&program)
        .args(["--print-errors"])
        .args(flags)
        .arg(&wanted)
        // Then directories of the system are told too. rustc does not know
        // them, and has to find a static library by itself.
        .env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1")
        .output()
        .map_err(|error| {
            format!(
                "cannot run {}: {}.\n\
                 Install pkg-config or pkgconf, or set PKG_CONFIG to the \
                 path of one.",
                Path::new(&program).display(),
                error
            )
        })?;

    if status.success() {
        return String::from_utf8(stdout)
            .map_err(|_| "the path of the library is not in UTF-8".to_string());
    }
    Err(format!(
        "pkg-config does not find {}.\n\
         Install the library's development package (libsecmalloc-dev or \
         secmalloc-devel). If the library was installed under a PREFIX of \
         your own, set PKG_CONFIG_PATH to PREFIX/lib/pkgconfig.\n\
         pkg-config says: {}",
        wanted,
        String::from_utf8_lossy(&stderr).trim()
    ))
}

/// The words of an answer. A backslash stands before a space that is part of a
/// word.
fn split(answer: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut chars = answer.trim().chars();

    while let Some(c) = chars.next() {
        match c {
            '\\' => words.last_mut().unwrap().extend(chars.next()),
            c if c.is_whitespace() => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

fn find_archive(directories: &[&str]) -> Result<PathBuf, String> {
    directories
        .iter()
        .map(|directory| Path::new(directory).join("libsecmalloc.a"))
        .find(|path| path.exists())
        .ok_or_else(|| {
            format!(
                "there is no libsecmalloc.a in {}.\n\
                 Install the static library (configure it with \
                 --enable-static), or unset SECMALLOC_STATIC and \
                 PKG_CONFIG_ALL_STATIC.",
                directories.join(", ")
            )
        })
}
