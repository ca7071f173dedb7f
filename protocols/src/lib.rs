//! Signed FIPA-ACL messages: the words agents use, with no I/O.
