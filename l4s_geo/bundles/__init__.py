"""What a model is on disk: a bundle, its STAC form, the registry of installed bundles, the embedded ones."""
