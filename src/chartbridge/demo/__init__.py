"""A made-up practice and its day, to try the hub out and to prove it. Nothing of the product depends on it."""
