"""Trains the translator that ships with the project, or one's own; writes Marian checkpoints."""
