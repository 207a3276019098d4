"""What can be checked of an installation without Prefect, and how checks are run."""
