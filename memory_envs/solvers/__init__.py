"""What a finite task is worth: plans, values, beliefs, and the best policies of a kind."""
