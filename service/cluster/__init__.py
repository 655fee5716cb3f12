"""Run the service on Ray Serve; no other package imports Ray."""
