"""Turn a checked request into an answer, through `service.backend.Backend`."""
