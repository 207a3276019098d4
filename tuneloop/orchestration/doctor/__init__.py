"""What can be checked of an installation through its Prefect server: `tuneloop doctor`."""
