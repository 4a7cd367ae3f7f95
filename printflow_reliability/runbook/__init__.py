"""What people do in an emergency, step by step, in this installation's own names."""
