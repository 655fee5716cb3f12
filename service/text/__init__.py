"""Work on strings alone: split a text into segments, detect languages."""
