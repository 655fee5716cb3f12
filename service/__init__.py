"""The HTTP service: API, Ray Serve deployment, metrics and command line."""
