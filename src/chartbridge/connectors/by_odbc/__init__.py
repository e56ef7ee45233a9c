"""What connectors share whose PMS is reached by ODBC: rows are read by key, compared or stamped.

Nothing here knows a vendor: its tables, words and numbers come from its own package.
"""
