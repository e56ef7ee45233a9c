"""The documented methods of the API, one module per family of resources. HTTP itself is next door (service)."""
