"""What people and programs read: the terminal and the JSON document."""
