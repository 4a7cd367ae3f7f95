"""3-2-1-1-0: three copies, two kinds of media, one in another region, one that nobody can delete, no error."""
