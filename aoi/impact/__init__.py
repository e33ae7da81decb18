"""What a programme changed: effects against a counterfactual, displacement, and how sure one may be."""
