"""From scenes to a crop map: catalogue, masks, composites, features, classifier."""
