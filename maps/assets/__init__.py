"""Scripts and style sheet of the map page."""
