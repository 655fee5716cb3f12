"""HTTP without routes: request ids, limits, errors, streams."""
