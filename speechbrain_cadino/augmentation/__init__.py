"""What is done to crops: an operation a file, what is drawn for each crop, and a whole batch at once."""
