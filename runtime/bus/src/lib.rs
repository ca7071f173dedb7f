//! The buses of a node: in-process transports behind the ports of aios-protocols.
