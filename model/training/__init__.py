"""Trains the translator that ships with the project, or one's own, and writes it as a Marian checkpoint."""
