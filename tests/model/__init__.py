"""A model checker of the ledger's protocol: every interleaving of a few small worlds, in plain Python."""
