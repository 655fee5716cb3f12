"""Trains the models that ship with the project, or one's own; writes Hugging Face checkpoints."""
