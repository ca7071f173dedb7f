//! What agents work on, as data and traits
