"""Find a checkpoint's files: bundled, in a folder, or downloaded from a hub."""
