"""Chartbridge: a hub between a dental practice's PMS and everything with which it talks to its patients."""

__version__ = "0.1.0"
