"""What the sandboxes share that are databases behind ODBC: a practice's tables on a MariaDB, people at it, faults.

Nothing here is a vendor's. It never imports a connector.
"""
