"""What a drill is carried out in: production's servers, the repository, clones on this machine, the records."""
