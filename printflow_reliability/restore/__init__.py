"""What a drill and a recovery in earnest share: from the target and the plan to promoted clones that were validated."""
