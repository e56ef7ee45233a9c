"""Dentrix: all that the hub knows of it."""
