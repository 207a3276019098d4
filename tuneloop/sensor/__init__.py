"""The sensor: one poll of every training in flight, and what it writes down."""
