"""What must hold in a recovered cluster before anybody is let in; one module a check."""
