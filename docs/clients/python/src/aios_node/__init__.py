"""A node of AI OS, asked over HTTP."""

from .client import Gone, Node, NotSet, Refused
from .sugar import Agent

__all__ = ["Agent", "Gone", "Node", "NotSet", "Refused"]
