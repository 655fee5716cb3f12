"""Reads given outputs in one pass of the network: log-probabilities and attention weights."""
