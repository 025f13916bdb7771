"""The shell interpreter against hand labels of real scripts."""
