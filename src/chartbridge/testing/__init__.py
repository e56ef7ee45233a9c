"""The contract suite that every connector inherits; shipped, so that outside connectors can too."""
