"""The service's own cost of a request, over a backend that answers at once."""
