"""Trains the summarizer: scientific abstracts to headlines and one-sentence summaries."""
