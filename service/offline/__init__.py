"""The commands that need no server: `dragoman translate` and `dragoman summarize`."""
