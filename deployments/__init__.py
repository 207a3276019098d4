"""One YAML file per retrained model, what makes a server ready for them, and the command line."""
