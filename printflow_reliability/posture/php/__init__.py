"""PHP as it is written, by its syntax: classes and what they inherit, arrays of configuration, calls."""
