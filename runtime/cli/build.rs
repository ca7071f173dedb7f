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

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={PLAIN}");
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
    make.arg(&source)
        .arg(format!("-Clink-arg={argument}"))
        .arg("-o");
    let made = make.arg(&program).output();
    let made = made.is_ok_and(|made| made.status.success());
    made && Command::new(&program)
        .status()
        .is_ok_and(|run| run.success())
}
