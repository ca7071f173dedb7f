//! The page on which a node is watched and steered.
