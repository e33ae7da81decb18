"""Area of interest: frame, survey statistics, alternative-development areas, harms and impact."""
