"""Dragoman's own API under `/v1`."""
