//! Asks the linker for what makes the binary smaller: functions that are the same, byte for byte, become one (generics make many of them), and the
//! places that are moved when the program is loaded are written down in a bit each.
//!
//! Not every linker knows how, and not every loader, so both are tried with a program of one line first, on the machine that builds. Without them
//! the binary is larger and does the same.

use std::path::Path;
use std::process::Command;

/// Equal functions may have one address then, which Rust allows.
const FOLD: &str = "-Wl,--icf=all";
/// Read by glibc from 2.36 on, wherever the binary runs.
const PACK: &str = "-Wl,-z,pack-relative-relocs";

/// Set to anything it leaves both out: for a binary that an older system is to run.
const PLAIN: &str = "AIOS_PLAIN_LINK";
/// Where cargo says which flags the compiler is given.
const FLAGS: &str = "CARGO_ENCODED_RUSTFLAGS";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for name in [PLAIN, "RUSTC_LINKER", FLAGS] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let of = |name| std::env::var(name).unwrap_or_default();
    // A test's program is linked oftener than it is run, and folding takes its time.
    let wanted = of("PROFILE") == "release" && of("CARGO_CFG_TARGET_OS") == "linux";
    if !wanted || of("HOST") != of("TARGET") || !of(PLAIN).is_empty() {
        return;
    }
    for argument in [FOLD, PACK] {
        if runs(&of("RUSTC"), argument, Path::new(&of("OUT_DIR"))) {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}

/// Whether a program that is linked with the argument is made and runs.
fn runs(rustc: &str, argument: &str, folder: &Path) -> bool {
    let (source, program) = (folder.join("empty.rs"), folder.join("empty"));
    if std::fs::write(&source, "fn main() {}").is_err() {
        return false;
    }
    let mut make = Command::new(rustc);
    // The linker and the flags that the program itself is made with.
    if let Some(linker) = std::env::var_os("RUSTC_LINKER") {
        make.arg("-C").arg({
            let mut with = std::ffi::OsString::from("linker=");
            with.push(linker);
            with
        });
    }
    let flags = std::env::var(FLAGS).unwrap_or_default();
    make.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    make.arg(&source)
        .arg(format!("-Clink-arg={argument}"))
        .arg("-o");
    let made = make.arg(&program).output();
    let made = made.is_ok_and(|made| made.status.success());
    made && Command::new(&program)
        .status()
        .is_ok_and(|run| run.success())
}
