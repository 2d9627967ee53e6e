"""Events: from a place and a date to one inventory, by way of one file that says what happened."""
