"""The only room that opens a connection to a PMS, a payer or a webhook's address: http, sql, odbc, files.

It limits, times and redacts.
"""
