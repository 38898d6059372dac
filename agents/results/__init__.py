"""What runs came to: scores, milestones, comparisons."""
