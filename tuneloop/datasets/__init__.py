"""From a folder, archive or table to a checked dataset in the store."""
