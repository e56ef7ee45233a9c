"""Dentrix Ascend: all that the hub knows of it, and nothing else knows it."""
