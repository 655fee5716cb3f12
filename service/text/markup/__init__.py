"""HTML and XML as blocks of text with tags at positions, and back with every tag in its place."""
