//! Real Python packages, installed once for a machine below the folder that cargo builds in.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python whose environment has exactly these packages.
pub(crate) fn with(name: &str, packages: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&root).unwrap();
    let lock = File::create(root.join("lock")).unwrap();
    lock.lock().unwrap();
    let (mark, python) = (root.join("installed"), root.join("venv/bin/python"));
    if fs::read_to_string(&mark).is_ok_and(|known| known == packages.join("\n")) {
        return python;
    }
    let _ = fs::remove_dir_all(root.join("venv"));
    let run = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|error| {
            panic!("{command:?} cannot be started ({error}); this test needs Python 3 with venv and pip: install them")
        });
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{command:?} failed; is the package registry reachable?\n{said}"
        );
    };
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(root.join("venv")));
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    run(Command::new(&python).args(pip).args(packages));
    fs::write(mark, packages.join("\n")).unwrap();
    python
}
