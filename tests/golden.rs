//! Golden files of records: bytes of every form that was ever written stay readable, and the newest is what is written today. Included by the
//! crates that keep records; the files lie in `tests/golden/{record}` of each, called by the form and what they hold: `2-pending.bin`.
//!
//! A test that fails here says that whoever updates a node cannot read what the node has kept. Then the record gets another form, its golden
//! files stay as they are, and files of the new form come beside them.

use std::fs;
use std::path::Path;

/// Every golden file of a record is read, and what was read of one of the newest form is written the same.
pub(crate) fn holds<T>(
    record: &str,
    newest: u16,
    read: impl Fn(&[u8]) -> Option<T>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(record);
    let mut forms = Vec::new();
    for file in
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let form = name
            .split('-')
            .next()
            .and_then(|form| form.parse::<u16>().ok());
        let form = form.unwrap_or_else(|| panic!("{}: a form and what it holds", path.display()));
        forms.push(form);
        let bytes = fs::read(&path).unwrap();
        let found = read(&bytes);
        let found = found.unwrap_or_else(|| panic!("{}: cannot be read any more", path.display()));
        if form != newest {
            continue;
        }
        let written = write(&found);
        assert!(
            written == bytes,
            "{}: is written otherwise today; what is written needs the form {} and a golden file of its own:\n{}",
            path.display(),
            newest + 1,
            String::from_utf8_lossy(&written)
        );
        // What a newer version wrote is not taken for what is known here.
        let number = format!(r#""form":{newest}"#);
        if let Ok(text) = std::str::from_utf8(&bytes)
            && text.contains(&number)
        {
            let newer = text.replacen(&number, &format!(r#""form":{}"#, newest + 1), 1);
            assert!(
                read(newer.as_bytes()).is_none(),
                "{}: of a newer form",
                path.display()
            );
        }
    }
    assert!(
        forms.contains(&newest),
        "{record}: no golden file of form {newest}"
    );
    assert!(
        (1..=newest).all(|form| forms.contains(&form)),
        "{record}: {forms:?}"
    );
}
