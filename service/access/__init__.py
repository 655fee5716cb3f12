"""API keys and their scopes; rate limits, quotas and usage of the clients that hold them."""
