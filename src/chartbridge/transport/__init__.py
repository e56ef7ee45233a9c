"""The only room that opens a connection to a PMS or payer: http, sql, odbc, files; limits, times, redacts."""
