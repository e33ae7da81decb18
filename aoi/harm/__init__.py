"""Environmental harms of illicit cultivation, each a difference from a counterfactual with its uncertainty."""
