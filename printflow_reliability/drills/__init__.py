"""The restore drill: a rehearsed recovery that proves, with numbers, that the platform would come back."""
