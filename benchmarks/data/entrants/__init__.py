"""What is measured: each function here prepares one piece of work, and returns it to be run in its own process."""
