"""Practices to run on your own machine. Never imports a connector."""
