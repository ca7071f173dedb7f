//! The contract at the mouth
