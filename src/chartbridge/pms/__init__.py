"""What a connector must do, may claim and how it may fail. Not a line about how."""
