"""The documents we make: insurance verification, account statement."""
