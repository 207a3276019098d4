"""What credentials blocks are made of."""
