//! A whole store in one file, from which it is made anew.
//!
//! `aios-store/1\n`, then each entry as `key length u32 || value length u32 || key || value`, then `u32::MAX`, the number of entries as u64
//! and the crc32 of everything before, all little-endian. The file has its name only when all of it is on disk.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{KEY_BYTES_MAX, VALUE_BYTES_MAX};

const MAGIC: &[u8] = b"aios-store/1\n";
const END: u32 = u32::MAX;
/// Room for what the store adds to a value.
const LONGEST: usize = VALUE_BYTES_MAX + 64;

/// Hashes what passes.
struct Summed<T> {
    inner: T,
    sum: crc32fast::Hasher,
}

impl<T> Summed<T> {
    fn new(inner: T) -> Self {
        Self {
            inner,
            sum: crc32fast::Hasher::new(),
        }
    }
}

impl<T: Write> Summed<T> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.inner.write_all(bytes)
    }
}

impl<T: Read> Summed<T> {
    fn take(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.sum.update(bytes);
        Ok(())
    }

    fn word(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.take(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

/// Writes all entries to a draft and names it when it is whole and on disk.
pub(super) fn write<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    file: &Path,
    entries: impl Iterator<Item = io::Result<(K, V)>>,
) -> io::Result<()> {
    let draft = file.with_extension("new");
    let _ = fs::remove_file(&draft);
    let mut options = fs::OpenOptions::new();
    let opened = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let written = (|| {
        let mut out = Summed::new(BufWriter::new(opened));
        out.put(MAGIC)?;
        let mut count = 0_u64;
        for entry in entries {
            let (key, value) = entry?;
            let (key, value) = (key.as_ref(), value.as_ref());
            for length in [key.len(), value.len()] {
                let length = u32::try_from(length).map_err(io::Error::other)?;
                out.put(&length.to_le_bytes())?;
            }
            out.put(key)?;
            out.put(value)?;
            count += 1;
        }
        out.put(&END.to_le_bytes())?;
        out.put(&count.to_le_bytes())?;
        let sum = out.sum.finalize();
        out.inner.write_all(&sum.to_le_bytes())?;
        let opened = out
            .inner
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        opened.sync_all()?;
        fs::rename(&draft, file)?;
        sync_folder(file)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Hands over each entry of a file. One that is not whole is an error, whatever was handed over by then.
pub(super) fn read(
    file: &File,
    mut entry: impl FnMut(&[u8], &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut from = Summed::new(BufReader::new(file));
    let mut magic = [0; MAGIC.len()];
    from.take(&mut magic)?;
    if magic != MAGIC {
        return Err(broken("it is no copy of a store"));
    }
    let (mut key, mut value, mut count) = (Vec::new(), Vec::new(), 0_u64);
    loop {
        let length = from.word()?;
        if length == END {
            break;
        }
        let lengths = (length as usize, from.word()? as usize);
        if lengths.0 > KEY_BYTES_MAX || lengths.1 > LONGEST {
            return Err(broken("an entry is longer than any can be"));
        }
        key.resize(lengths.0, 0);
        value.resize(lengths.1, 0);
        from.take(&mut key)?;
        from.take(&mut value)?;
        entry(&key, &value)?;
        count += 1;
    }
    let mut told = [0; 8];
    from.take(&mut told)?;
    let sum = from.sum.clone().finalize();
    let same = u64::from_le_bytes(told) == count && from.word()? == sum;
    if same {
        Ok(())
    } else {
        Err(broken("it is not what was written"))
    }
}

/// What was named or taken away in a file's folder is so after a crash too.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Entries = Vec<(Vec<u8>, Vec<u8>)>;

    fn read_all(file: &Path) -> io::Result<Entries> {
        let mut all = Entries::new();
        read(&File::open(file)?, |key, value| {
            all.push((key.to_vec(), value.to_vec()));
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn a_copy_reads_as_it_was_written_and_no_byte_of_it_can_be_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy");
        let entries: Entries = vec![
            (b"a".to_vec(), b"1".to_vec()),
            (b"b".to_vec(), Vec::new()),
            (b"c\0\xff".to_vec(), vec![7; 40]),
        ];
        write(&file, entries.iter().cloned().map(Ok)).unwrap();
        assert_eq!(read_all(&file).unwrap(), entries);
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 0x10;
            fs::write(&file, &other).unwrap();
            assert!(read_all(&file).is_err(), "byte {at}");
            fs::write(&file, &whole[..at]).unwrap();
            assert!(read_all(&file).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_copy_that_cannot_be_finished_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy");
        let entries = [Ok((b"a", b"1")), Err(io::Error::other("the disk"))];
        assert!(write(&file, entries.into_iter()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
