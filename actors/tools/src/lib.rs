//! What an executor may call: tables, SQL, charts and text, each behind a capability.
