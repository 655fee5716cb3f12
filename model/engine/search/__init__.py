"""Decide which hypotheses live on: plain numbers, no tensors."""
