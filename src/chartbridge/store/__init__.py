"""Tables, migrations, queries. SQL and ORM calls live here and in no other room but web/api lists."""
