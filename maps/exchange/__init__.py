"""Files that other programs open: forms and plots for the field, projects, catalogues, other bodies' tables."""
