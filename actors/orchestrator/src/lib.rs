//! The macro agents, interface to memory, and what carries a goal from request to answer.
