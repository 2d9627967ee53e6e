"""The model card of a bundle, in Markdown: what it is, how it was measured, where it fails."""
