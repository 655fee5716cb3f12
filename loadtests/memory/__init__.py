"""Measure memory: that of loading a large model, and that of a replica under mixed load."""
