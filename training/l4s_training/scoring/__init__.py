"""What a prediction is worth: scores, calibration, whole landslides, pictures, submissions."""
