"""State that outlives a request and is shared by replicas: usage, rate limits, documents."""
