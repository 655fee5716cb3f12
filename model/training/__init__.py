"""Trains the bundled models and others; writes Hugging Face checkpoints."""
