"""Store to PMS: enqueue, claim, send, look, settle, receipt. Decides only by capability and error class."""
