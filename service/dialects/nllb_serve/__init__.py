"""The API of nllb-serve, as SubtitleEdit speaks it."""
