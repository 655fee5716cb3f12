"""Word alignment: which words of a source and of an output translate each other."""
