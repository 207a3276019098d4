"""Where datasets come from: a folder, a zip, a public address or S3, each brought to a local folder."""
