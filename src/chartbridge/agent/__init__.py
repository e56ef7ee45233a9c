"""The connector contract carried over a network, both ends."""
