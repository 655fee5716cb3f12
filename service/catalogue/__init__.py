"""Say what is served: the catalogue file, and the plan that all replicas follow."""
