"""What follows from the answers of a run: pure functions, values in and values out."""
