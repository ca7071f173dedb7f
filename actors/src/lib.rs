//! The Agent trait, the macro and meso agents, and the tools they may use.
