"""Continuous batching for encoder-decoder transformers: requests join and leave at any step."""
