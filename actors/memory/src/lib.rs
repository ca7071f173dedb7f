//! Working, vector and persistent memory: hybrid recall and a step log over one store.
