"""What an inventory is worth: its comparison with a reference, by pixels, by landslides, by their sizes."""
