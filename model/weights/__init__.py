"""From a checkpoint on disk to the parameters of the network."""
