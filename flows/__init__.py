"""The stories: what happens, in which order. No HTTP, no parsing, no S3."""
