"""The API of nllb-api, as SubtitleEdit speaks it."""
