"""PMS to store: checks, cursors, pages, deletions, freshness. Removes nothing that it cannot prove gone."""
