"""Hold keys and values of attention, and compute how many rows fit into memory."""
