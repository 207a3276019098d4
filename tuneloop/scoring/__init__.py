"""What can be measured of a picture without a model: one file and one function for each score."""
