"""Times our engine beside its peers and beside what the machine could do at best."""
