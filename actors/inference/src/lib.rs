//! The engine contract, the actor that owns a device thread, and the scripted engine.
