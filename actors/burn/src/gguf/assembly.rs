//! A model that lies in other files, said as a GGUF file says it: one reader, one set of checks, whatever the files are.

use std::collections::BTreeMap;

use super::{Entry, Format, Gguf, Kept, Place, enter, place};
use crate::error::LoadError;
use crate::store::Store;

/// A model in the making. A key that is said again is said anew.
#[derive(Default)]
pub(crate) struct Assembly {
    metadata: BTreeMap<String, Place>,
    entries: BTreeMap<String, Entry>,
    /// The values, one behind the other.
    head: Vec<u8>,
    stores: Vec<Store>,
}

impl Assembly {
    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.say(key, 8, |head| put_text(head, text));
    }

    pub(crate) fn size(&mut self, key: &str, number: u64) {
        self.say(key, 10, |head| head.extend(number.to_le_bytes()));
    }

    pub(crate) fn float(&mut self, key: &str, number: f64) {
        self.say(key, 12, |head| head.extend(number.to_le_bytes()));
    }

    pub(crate) fn flag(&mut self, key: &str, flag: bool) {
        self.say(key, 7, |head| head.push(flag.into()));
    }

    pub(crate) fn texts<'a>(&mut self, key: &str, texts: impl ExactSizeIterator<Item = &'a str>) {
        self.list(key, 8, texts, put_text);
    }

    pub(crate) fn numbers(&mut self, key: &str, numbers: impl ExactSizeIterator<Item = i64>) {
        self.list(key, 11, numbers, |head, n| head.extend(n.to_le_bytes()));
    }

    pub(crate) fn floats(&mut self, key: &str, numbers: impl ExactSizeIterator<Item = f32>) {
        self.list(key, 6, numbers, |head, n| head.extend(n.to_le_bytes()));
    }

    fn say(&mut self, key: &str, kind: u32, value: impl FnOnce(&mut Vec<u8>)) {
        let place = Place {
            kind,
            at: self.head.len(),
        };
        value(&mut self.head);
        self.metadata.insert(key.to_owned(), place);
    }

    fn list<T>(
        &mut self,
        key: &str,
        kind: u32,
        items: impl ExactSizeIterator<Item = T>,
        put: impl Fn(&mut Vec<u8>, T),
    ) {
        self.say(key, 9, |head| {
            head.extend(kind.to_le_bytes());
            head.extend((items.len() as u64).to_le_bytes());
            items.for_each(|item| put(head, item));
        });
    }

    /// A file that tensors lie in; its number.
    pub(crate) fn store(&mut self, store: Store) -> usize {
        self.stores.push(store);
        self.stores.len() - 1
    }

    /// A tensor that begins at `start` of a file. Its shape is the slowest dimension first.
    ///
    /// # Errors
    /// When it cannot lie there, or one of its name is there already.
    pub(crate) fn tensor(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        format: Format,
        store: usize,
        start: u64,
    ) -> Result<(), LoadError> {
        let len = self.stores.get(store).map_or(0, Store::len);
        let entry = Entry {
            store,
            ..place(name, shape, format, start, len)?
        };
        enter(&mut self.entries, name.to_owned(), entry)
    }

    /// The whole model.
    ///
    /// # Errors
    /// When two tensors share bytes.
    pub(crate) fn finish(self, kept: Kept) -> Result<Gguf, LoadError> {
        let file = Gguf {
            metadata: self.metadata,
            entries: self.entries,
            head: self.head,
            stores: self.stores,
            kept,
        };
        file.check_overlaps()?;
        Ok(file)
    }
}

fn put_text(head: &mut Vec<u8>, text: &str) {
    head.extend((text.len() as u64).to_le_bytes());
    head.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::Value;
    use super::*;

    #[test]
    fn what_is_put_in_is_read_as_from_a_file() {
        let mut made = Assembly::default();
        made.text("general.architecture", "old");
        made.text("general.architecture", "llama");
        made.size("llama.block_count", 7);
        made.float("llama.rope.freq_base", 1e6);
        made.flag("add", true);
        made.texts("tokens", ["a", "\u{e9}"].into_iter());
        made.numbers("kinds", [1, -3].into_iter());
        made.floats("scores", [0.5, -2.0].into_iter());
        let one = made.store(Store::Memory(vec![0; 8]));
        let other = made.store(Store::Memory(1.5f32.to_le_bytes().to_vec()));
        made.tensor("w", vec![2], Format::F32, one, 0).unwrap();
        made.tensor("v", vec![1], Format::F32, other, 0).unwrap();
        for (name, shape, start, says) in [
            ("w", 1, 4, "occurs twice"),
            ("x", 2, 4, "ends early"),
            ("x", 1, u64::MAX, "longer than any file"),
            ("x", 0, 0, "dimension of 0"),
        ] {
            let error = made.tensor(name, vec![shape], Format::F32, one, start);
            let error = error.unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
        let file = made.finish(Kept::default()).unwrap();
        assert_eq!(file.text("general.architecture").unwrap(), "llama");
        assert_eq!(file.size("llama.block_count").unwrap(), 7);
        assert_eq!(file.float("llama.rope.freq_base").unwrap(), 1e6);
        assert_eq!(file.get("add"), Some(Value::Bool(true)));
        assert_eq!(file.texts("tokens", 2).unwrap(), ["a", "\u{e9}"]);
        assert_eq!(file.numbers("kinds", 2).unwrap(), [1, -3]);
        assert_eq!(file.floats("scores", 2).unwrap(), [0.5, -2.0]);
        let mut bytes = [0; 4];
        file.tensor("v").unwrap().read(&mut bytes).unwrap();
        assert_eq!(f32::from_le_bytes(bytes), 1.5);

        let mut made = Assembly::default();
        let store = made.store(Store::Memory(vec![0; 12]));
        made.tensor("a", vec![2], Format::F32, store, 0).unwrap();
        made.tensor("b", vec![2], Format::F32, store, 4).unwrap();
        let error = made.finish(Kept::default()).unwrap_err().to_string();
        assert!(error.contains("share bytes"), "{error}");
    }
}
