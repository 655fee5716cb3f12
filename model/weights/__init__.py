"""Reads the weights of a checkpoint into the parameters of the network."""
