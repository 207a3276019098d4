"""Reports and models as pages: one HTML file each, with everything inside."""
