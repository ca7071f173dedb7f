//! A folder that is its user's alone: made so, or brought so, or refused.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// What lies in the folder of a store, or of a node with a journal, and in no other.
const MARKS: [&str; 2] = ["conf", "journal"];
/// What others may do: nothing.
const OTHERS: u32 = 0o077;

/// Makes a folder, with those above it that are missing, for its user alone. One that is there is checked and, if it was open to others,
/// closed. All of it happens before anything is put into the folder.
///
/// # Errors
/// What is wrong with the folder and what to do about it, as the end of a sentence.
pub fn prepare(folder: &Path) -> Result<(), String> {
    let unusable = |error: io::Error| format!("it cannot be used: {error}");
    let made = fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(folder);
    match made {
        // What it is that is there is told below.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(error)),
        _ => {}
    }
    // Of the name itself: whoever set a link would choose the folder.
    let found = fs::symlink_metadata(folder).map_err(unusable)?;
    if found.is_symlink() {
        return Err("it is a link; name the folder itself".to_owned());
    }
    if !found.is_dir() {
        return Err("it is no folder".to_owned());
    }
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own {
        let owner = found.uid();
        return Err(format!(
            "it belongs to user {owner} and this process is user {own}'s; name one of your own"
        ));
    }
    let above = folder.canonicalize().map_err(unusable)?;
    if let Some(above) = above.parent() {
        let mode = fs::metadata(above).map_err(unusable)?.mode();
        if mode & 0o002 != 0 && mode & 0o1000 == 0 {
            let above = above.display();
            return Err(format!(
                "everybody may put another in its place (the mode of {above} is {:o}); name one elsewhere",
                mode & 0o7777
            ));
        }
    }
    let mode = found.mode() & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let empty = fs::read_dir(folder).map_err(unusable)?.next().is_none();
    if !empty && !MARKS.iter().any(|mark| folder.join(mark).exists()) {
        return Err(format!(
            "other users may enter it (its mode is {mode:o}) and what it holds is not the store's; name an empty one, or set its mode to 700"
        ));
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(unusable)
}

/// Closes what lies in a folder to others, file by file; links are left alone, and what has gone meanwhile too.
pub(super) fn close(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = match entry.metadata() {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if found.is_dir() {
            set(&entry.path(), &found, 0o700)?;
            close(&entry.path())?;
        } else if found.is_file() {
            set(&entry.path(), &found, 0o600)?;
        }
    }
    Ok(())
}

fn set(path: &Path, found: &fs::Metadata, mode: u32) -> io::Result<()> {
    if found.mode() & OTHERS == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(mode)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn open_up(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_is_made_for_its_user_alone_and_one_of_a_store_is_closed() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("a/b/c");
        prepare(&deep).unwrap();
        for folder in [&deep, &place.path().join("a/b"), &place.path().join("a")] {
            assert_eq!(mode(folder), 0o700, "{}", folder.display());
        }
        let empty = place.path().join("empty");
        fs::create_dir(&empty).unwrap();
        open_up(&empty, 0o777);
        prepare(&empty).unwrap();
        assert_eq!(mode(&empty), 0o700);
        open_up(&deep, 0o755);
        fs::write(deep.join(MARKS[0]), "").unwrap();
        prepare(&deep).unwrap();
        assert_eq!(mode(&deep), 0o700);
    }

    #[test]
    fn a_folder_that_somebody_else_decides_about_is_refused_with_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let folder = |name: &str| {
            fs::create_dir(at(name)).unwrap();
            at(name)
        };
        let own = folder("own");
        symlink(&own, at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        fs::write(at("file"), "").unwrap();
        let full = folder("full");
        fs::write(full.join("letter.txt"), "").unwrap();
        open_up(&full, 0o755);
        let market = folder("market");
        let stall = market.join("stall");
        fs::create_dir(&stall).unwrap();
        open_up(&market, 0o777);
        for (path, expected) in [
            (at("link"), "it is a link"),
            (at("dangling"), "it is a link"),
            (at("file"), "it is no folder"),
            (at("file/below"), "it cannot be used"),
            (full.clone(), "other users may enter it (its mode is 755)"),
            (stall.clone(), "everybody may put another in its place"),
        ] {
            let refused = prepare(&path).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
        assert!(!at("nowhere").exists());
        assert_eq!(
            mode(&full),
            0o755,
            "somebody else's things stay as they are"
        );
        open_up(&market, 0o1777);
        prepare(&stall).unwrap();
    }

    #[test]
    fn what_lies_in_it_is_closed_and_what_a_link_leads_to_is_not() {
        let place = tempfile::tempdir().unwrap();
        let (inside, outside) = (place.path().join("store"), place.path().join("outside"));
        fs::create_dir_all(inside.join("blobs")).unwrap();
        for file in [&inside.join("db"), &inside.join("blobs/1"), &outside] {
            fs::write(file, "").unwrap();
            open_up(file, 0o644);
        }
        symlink(&outside, inside.join("link")).unwrap();
        close(&inside).unwrap();
        assert_eq!(mode(&inside.join("db")), 0o600);
        assert_eq!(mode(&inside.join("blobs")), 0o700);
        assert_eq!(mode(&inside.join("blobs/1")), 0o600);
        assert_eq!(mode(&outside), 0o644);
    }
}
