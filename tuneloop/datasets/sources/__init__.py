"""Where datasets come from: zips, buckets, the Hugging Face Hub."""
