"""Find the parts of a text that must come back unchanged, and the numbers that were lost."""
