//! What a word of rank ranks.

/// What a word of rank ranks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// The figure itself: "the highest, with 12".
    Figure,
    /// What is named right at it: "the most beds".
    Named(Vec<usize>),
    /// A quality, of which the figures are a sign: "the fullest".
    Quality,
    /// A place and nothing else: "in front", "the leader".
    Lead,
}
