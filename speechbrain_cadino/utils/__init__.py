"""What every room of the package may import: errors for users and safe files."""
