"""One package for each client API: bodies in, records of `service.tasks`, bodies out."""
