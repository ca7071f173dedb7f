//! Supervision trees for any ractor actor.
