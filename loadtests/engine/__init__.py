"""Times our engine beside its peers and beside the limit of the machine (roofline)."""
