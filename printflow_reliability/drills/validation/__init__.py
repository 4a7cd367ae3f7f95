"""What a drill checks besides: the platform's own references, its files, one tenant, and what pages say on disk."""
