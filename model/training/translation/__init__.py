"""The translator: its data, its recipe, its checkpoint and its card."""
