//! The string form of FIPA00070, written for logs and read from other platforms.
