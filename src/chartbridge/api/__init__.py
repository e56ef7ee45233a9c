"""REST for programs, webhooks out."""
