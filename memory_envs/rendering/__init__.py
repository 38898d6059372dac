"""What there is to see, as pixels, text, windows and videos."""
