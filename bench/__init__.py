"""Measurements of the product against the numbers that it promises, and against its peers in the same run."""
