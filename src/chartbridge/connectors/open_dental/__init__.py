"""Open Dental: all that the hub knows of it."""
