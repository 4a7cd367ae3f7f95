"""The platform's queues as they really are, the workers that empty them, and the Redis servers that hold them."""
