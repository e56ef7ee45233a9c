"""Patient-flow rules: columns, moves, mapping to PMS statuses."""
