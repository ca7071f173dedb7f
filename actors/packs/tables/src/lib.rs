//! The pack for tables and documents
