"""Training that begins with the weights of another network of the same kind."""
