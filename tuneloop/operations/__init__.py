"""What a run would do, and how everything stands."""
