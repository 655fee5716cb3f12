"""Families of checkpoints: for each a record of its architecture, weight names and tokens."""
