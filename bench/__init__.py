"""What speed is promised, measured beside the named peer in one process run."""
