"""Recipe runs and what is done with them: predicting, cross-validating, published tables."""
