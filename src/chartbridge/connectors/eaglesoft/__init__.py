"""Eaglesoft: all that the hub knows of it."""
