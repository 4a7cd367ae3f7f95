"""`printflow status`: one screen of what is wrong, worst first, each with a command that works."""
