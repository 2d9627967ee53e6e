"""What a training is told: hyperparameters, schedules, recipes, and the checks of what people write."""
