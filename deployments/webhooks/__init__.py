"""The webhook receiver: takes providers' calls as hints, and looks for itself."""
