"""Text to token ids and back, for each kind of vocabulary that checkpoints bring."""
