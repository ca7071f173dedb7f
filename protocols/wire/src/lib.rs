//! The control bus between processes, as gRPC speaks it.
