"""What a night costs in which nothing has changed."""
