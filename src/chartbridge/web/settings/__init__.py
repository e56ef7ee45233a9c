"""The settings pages: one module a page."""
