//! Real servers, installed once for a machine below the folder that cargo builds in.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed: exactly these.
const TIME: [&str; 2] = ["mcp-server-time==2026.10.19", "mcp==2.3.0"];
const NODE: [&str; 2] = [
    "@modelcontextprotocol/server-filesystem@2026.8.31",
    "@modelcontextprotocol/server-everything@2026.8.31",
];

/// A folder of the machine's, in which `make` puts what belongs to `of`, once.
fn once(name: &str, of: &[&str], make: impl FnOnce(&Path)) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-servers");
    fs::create_dir_all(&root).unwrap();
    let folder = root.join(name);
    let lock = File::create(root.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let mark = folder.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|known| known == of.join("\n")) {
        return folder;
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    make(&folder);
    fs::write(mark, of.join("\n")).unwrap();
    folder
}

fn run(command: &mut Command) {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| {
        panic!("{program} cannot be started ({error}); these tests need Python 3 with pip, and Node with npm: install them")
    });
    assert!(
        output.status.success(),
        "{command:?} failed; is the package registry reachable?\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The Python whose environment has `mcp-server-time`.
pub(crate) fn python() -> PathBuf {
    let folder = once("python", &TIME, |folder| {
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(folder.join("venv")));
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ];
        run(Command::new(folder.join("venv/bin/python"))
            .args(pip)
            .args(TIME));
    });
    folder.join("venv/bin/python")
}

/// The entry of a server that npm installs.
pub(crate) fn node(server: &str) -> PathBuf {
    let folder = once("node", &NODE, |folder| {
        let npm = [
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--save-exact",
        ];
        fs::write(folder.join("package.json"), "{\"private\": true}").unwrap();
        run(Command::new("npm").args(npm).args(NODE).current_dir(folder));
    });
    folder.join(format!(
        "node_modules/@modelcontextprotocol/{server}/dist/index.js"
    ))
}
