"""Run models in this process; no other package of the service imports torch."""
