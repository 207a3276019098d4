"""What one image file holds, and whether it is whole."""
