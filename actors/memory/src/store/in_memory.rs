//! The store that is gone when the process is: for tests and light embedders.

use std::collections::BTreeMap;
use std::ops::Bound;

use parking_lot::RwLock;

use super::{Entry, Store, StoreError, Swap, check_key, check_swap, check_value, page_start};

/// A map under a lock.
#[derive(Debug, Default)]
pub struct InMemoryStore {
    map: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl InMemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for InMemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.map.read().get(key).cloned())
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        check_key(key)?;
        check_value(value)?;
        self.map.write().insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.map.write().remove(key).is_some())
    }

    fn scan_prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let map = self.map.read();
        let found = map
            .range::<[u8], _>((page_start(prefix, after), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix));
        Ok(found
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap, StoreError> {
        check_swap(key, new)?;
        let mut map = self.map.write();
        let current = map.get(key);
        if current.map(Vec::as_slice) != expected {
            return Ok(Swap::Mismatch {
                current: current.cloned(),
            });
        }
        match new {
            Some(new) => drop(map.insert(key.to_vec(), new.to_vec())),
            None => drop(map.remove(key)),
        }
        Ok(Swap::Done)
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::InMemoryStore;
    use crate::store::contract;

    #[test]
    fn passes_the_contract() {
        contract::check(&InMemoryStore::new());
    }
}
