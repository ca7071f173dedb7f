//! Reading documents: what they say, where they say it, and what was asked of them.
