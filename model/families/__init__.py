"""What sets one family of checkpoints apart, as data."""
