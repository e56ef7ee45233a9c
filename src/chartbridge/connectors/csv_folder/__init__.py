"""A folder of CSV files, as any small program writes them: all that the hub knows of it, and nothing else knows."""
