"""The words that a front desk would use: computes, never reads, writes or waits, knows no vendor."""
