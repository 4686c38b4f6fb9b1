"""Where sessions and conversations are kept."""
